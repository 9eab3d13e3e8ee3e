#include "broker/daemon/invoke_call.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "broker/daemon/admit.h"
#include "broker/daemon/grpc_status.h"
#include "broker/daemon/outcome_wire.h"
#include "broker/daemon/session.h"

namespace belay::daemon {

using base::Code;
using base::Status;
using registry::Certainty;

void InvokeCall::Request(BrokerService& service, Loop& loop, Hub& hub) {
  const auto call = std::make_shared<InvokeCall>(service, loop, hub);
  call->self_begun_ = call;
  call->self_gone_ = call;
  call->context_.AsyncNotifyWhenDone(call->gone_.tag());
  service.RequestInvoke(&call->context_, &call->request_, &call->responder_, &loop.queue(),
                        &loop.queue(), call->begun_.tag());
}

void InvokeCall::OnBegun(bool ok) {
  const auto self = std::move(self_begun_);
  if (!ok) {  // the server is shut down: gone_ will not come either
    self_gone_.reset();
    return;
  }
  if (!hub_.draining()) Request(service_, loop_, hub_);
  Start();
}

void InvokeCall::Start() {
  const Limits& limits = hub_.limits();
  const auto refuse = [this](Status status) {
    Answer({std::move(status), Certainty::kNotSent, {}});
  };
  if (hub_.draining()) return refuse(ShuttingDown());
  const auto caller = Admit(hub_, context_);
  if (!caller.ok()) return AnswerUnknown(caller.status());
  // Whoever has a token may what its giver might.
  const bool is_by_token = !request_.token().empty();
  const Status may =
      is_by_token ? Status() : caller->permissions.Check(access::Verb::kInvoke, request_.name());
  if (!may.ok()) {
    hub_.OnDenied(*caller, may);
    return refuse(may);
  }
  if (request_.payload().size() > limits.max_payload_bytes) {
    return refuse(Status(Code::kResourceExhausted,
                         "the payload has " + std::to_string(request_.payload().size()) +
                             " bytes, max_payload_bytes is " +
                             std::to_string(limits.max_payload_bytes),
                         "PAYLOAD_TOO_LARGE"));
  }
  if (!request_.trace_id().empty() && request_.trace_id().size() != 16) {
    return refuse(Status(Code::kInvalidArgument, "trace_id has " +
                                                     std::to_string(request_.trace_id().size()) +
                                                     " bytes, must have 16 or none"));
  }
  account_ = hub_.AccountOf(*caller);
  const std::size_t payload_bytes = request_.payload().size();
  // Before a token is used for it.
  if (Status room = account_->CheckCall(payload_bytes, hub_.clock()); !room.ok())
    return refuse(room);
  const auto handle = is_by_token ? hub_.exports.Import(request_.token(), 0)
                                  : hub_.broker().Resolve(request_.name());
  if (!handle.ok()) return refuse(handle.status());
  charge_ = account_->BeginCall(payload_bytes);

  registry::Request request;
  request.payload = std::move(*request_.mutable_payload());
  request.trace_id = std::move(*request_.mutable_trace_id());
  request.deadline_ns = DeadlineNs();
  request.caller = "unary";
  hub_.deadlines.Set(*this, request.deadline_ns);
  const HostCall host_call = hub_.InvokeAsync(
      *handle, std::move(request), [self = shared_from_this()](registry::Outcome outcome) {
        Inbox& inbox = self->hub_.inbox;
        if (inbox.OnOwnThread()) return self->OnOutcome(std::move(outcome));
        inbox.Post([self, outcome = std::move(outcome)]() mutable {
          self->OnOutcome(std::move(outcome));
        });
      });
  host_call_ = host_call;
  if (is_by_token) (void)registry::Registry::Release(*handle);
}

std::int64_t InvokeCall::DeadlineNs() const {
  const auto deadline = context_.deadline();
  const std::int64_t wanted_ns = hub_.DeadlineFor(request_.timeout_ms());
  if (deadline == std::chrono::system_clock::time_point::max()) return wanted_ns;
  const auto left = deadline - std::chrono::system_clock::now();
  const std::int64_t grpc_ns = hub_.clock().MonotonicNs() +
                               std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
  return request_.timeout_ms() == 0 ? grpc_ns : std::min(wanted_ns, grpc_ns);
}

void InvokeCall::OnOutcome(registry::Outcome outcome) {
  if (is_answered_) hub_.stats.late_results.fetch_add(1, std::memory_order_relaxed);
  Answer(std::move(outcome));
}

void InvokeCall::OnDeadline() {
  GiveUp(Status(Code::kDeadlineExceeded, "the callback did not answer before the deadline"));
}

void InvokeCall::OnGone(bool) {
  const auto self = std::move(self_gone_);
  if (!is_answered_) GiveUp(Status(Code::kCancelled, "the caller is gone"));
}

void InvokeCall::GiveUp(const Status& why) {
  const auto self = shared_from_this();
  // Answers if the call was never sent.
  hub_.Cancel(host_call_, why, OnGiveUp::kAskHost);
  Answer({why, Certainty::kSentUnknown, {}});
}

void InvokeCall::Answer(registry::Outcome outcome) {
  if (std::exchange(is_answered_, true)) return;
  Withdraw();
  charge_ = {};
  self_answered_ = shared_from_this();
  SetOutcome(std::move(outcome), response_);
  responder_.Finish(response_, grpc::Status::OK, answered_.tag());
}

void InvokeCall::AnswerUnknown(const Status& why) {
  is_answered_ = true;
  self_answered_ = shared_from_this();
  responder_.FinishWithError(ToGrpc(why), answered_.tag());
}

void InvokeCall::OnAnswered(bool) { self_answered_.reset(); }

}  // namespace belay::daemon
