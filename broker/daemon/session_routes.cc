// Calls of a session's client that are more than ordinary ones: of names, and those that want no answer. See
// routed_call.h.
#include <algorithm>
#include <utility>

#include "belay/v1/session.pb.h"
#include "broker/daemon/outcome_wire.h"
#include "broker/daemon/session.h"

namespace belay::daemon {

using base::Status;
using registry::Certainty;

void Session::Route(v1::Call& call) {
  const std::uint64_t call_id = call.call_id();
  const auto refuse = [&](Status status) {
    if (!call.no_reply()) SendResult(call_id, {std::move(status), Certainty::kNotSent, {}});
  };
  RoutedCall::Route route;
  route.holder = owner_;
  if (const std::string* const name = names_.Followed(call.handle())) {
    // What the name leads to is not known before: so this is looked at with each call.
    if (Status may = caller_.permissions.Check(access::Verb::kInvoke, *name); !may.ok()) {
      hub_.OnDenied(caller_, may);
      return refuse(std::move(may));
    }
    route.name = *name;
    route.max_attempts = std::clamp(call.max_attempts(), 1U, kMaxAttempts);
    if (call.idempotent()) route.repeat = Repeat::kAlsoIfUnknown;
  } else {
    const auto entry = table_.FindCallback(call.handle());
    if (!entry.ok()) return refuse(entry.status());
    route.handle = (*entry)->handle;
  }
  const std::size_t payload_bytes = call.payload().size();
  if (Status may = account_->CheckCall(payload_bytes, hub_.clock()); !may.ok()) return refuse(may);
  const auto wants_reply = call.no_reply() ? WantsReply::kNo : WantsReply::kYes;
  const auto routed =
      std::make_shared<RoutedCall>(hub_, std::move(route), MakeRequest(call),
                                   // The session gives up its routed calls before it goes.
                                   [this, call_id, wants_reply](RoutedCall::Answer answer) {
                                     OnRouted(call_id, wants_reply, std::move(answer));
                                   });
  routed_.emplace(call_id, Routed{routed, account_->BeginCall(payload_bytes)});
  routed->Start();
}

void Session::OnRouted(std::uint64_t call_id, WantsReply wants_reply, RoutedCall::Answer answer) {
  routed_.erase(call_id);
  if (wants_reply == WantsReply::kYes) {
    std::size_t bytes = answer.outcome.reply.size() + answer.outcome.status.message().size();
    for (const auto& reply : answer.replies) bytes += reply.outcome.reply.size();
    v1::CallResult& result = *outbox_.Add(bytes).mutable_result();
    result.set_call_id(call_id);
    SetOutcome(std::move(answer.outcome), result);
    for (RoutedCall::MemberReply& reply : answer.replies) {
      v1::MemberReply& wire = *result.add_replies();
      wire.set_owner(std::move(reply.owner_name));
      wire.set_label(std::move(reply.label));
      SetOutcome(std::move(reply.outcome), wire);
    }
    Flush();
  }
  if (hub_.draining()) EndIfIdle();
}

OnGiveUp Session::OnGiveUpOf(const v1::CancelCall& cancel) {
  return cancel.mode() == v1::CANCEL_MODE_FORGET ? OnGiveUp::kLeaveHost : OnGiveUp::kAskHost;
}

void Session::CancelRouted(const v1::CancelCall& cancel, const Status& why) {
  const auto found = routed_.find(cancel.call_id());
  if (found == routed_.end()) return;  // it crossed its result on the way
  const std::shared_ptr<RoutedCall> call = found->second.call;
  if (cancel.mode() == v1::CANCEL_MODE_WAIT) return call->AskHosts(why);
  call->GiveUp(why, OnGiveUpOf(cancel));
}

}  // namespace belay::daemon
