// Calls that are more than a question and its answer: posts, broadcasts, and giving calls up.
#include <utility>

#include "belay/v1/session.pb.h"
#include "clients/cpp/src/session.h"
#include "clients/cpp/src/wire.h"

namespace belay::client {

void Session::FillCall(v1::Call* call, std::uint64_t id, std::uint64_t handle,
                       InvokeOptions options) {
  call->set_call_id(id);
  call->set_handle(handle);
  call->set_timeout_ms(options.timeout_ms);
  if (!options.trace_id.empty()) call->set_trace_id(std::move(options.trace_id));
  if (options.max_attempts > 1) call->set_max_attempts(options.max_attempts);
  if (options.idempotent) call->set_idempotent(true);
}

Status Session::SendPost(std::uint64_t handle, std::string payload, InvokeOptions options) {
  auto operation = std::make_unique<v1::ClientOperation>();
  v1::Call& call = *operation->mutable_call();
  FillCall(&call, NextId(), handle, std::move(options));
  call.set_no_reply(true);
  std::uint64_t generation = 0;
  {
    std::scoped_lock lock(mutex_);
    if (Status refused = CheckCall(payload); !refused.ok()) return refused;
    call.set_payload(std::move(payload));
    if (Status refused = Prepare(&operation, &generation); !refused.ok()) return refused;
  }
  if (operation == nullptr || stream_.Send(std::move(operation), generation)) return Status();
  return JustEnded();
}

void Session::SendCancel(std::uint64_t call_id, CancelMode mode) {
  auto operation = std::make_unique<v1::ClientOperation>();
  v1::CancelCall& cancel = *operation->mutable_cancel();
  cancel.set_call_id(call_id);
  switch (mode) {
    case CancelMode::kAsk: cancel.set_mode(v1::CANCEL_MODE_ASK); break;
    case CancelMode::kForget: cancel.set_mode(v1::CANCEL_MODE_FORGET); break;
    case CancelMode::kWait: cancel.set_mode(v1::CANCEL_MODE_WAIT); break;
  }
  std::uint64_t generation = 0;
  {
    std::scoped_lock lock(mutex_);
    // Behind the call, wherever that waits.
    if (ended_ || !Prepare(&operation, &generation).ok()) return;
  }
  if (operation != nullptr) (void)stream_.Send(std::move(operation), generation);
}

void Session::TakeReplies(v1::CallResult& result, std::vector<MemberReply>* replies) {
  for (v1::MemberReply& wire : *result.mutable_replies()) {
    Status status = FromWire(wire.status());
    replies->push_back({std::move(*wire.mutable_owner()), std::move(*wire.mutable_label()),
                        status.ok() ? Result<std::string>(std::move(*wire.mutable_payload()))
                                    : Result<std::string>(std::move(status))});
  }
}

}  // namespace belay::client
