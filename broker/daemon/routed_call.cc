#include "broker/daemon/routed_call.h"

#include <algorithm>
#include <utility>

#include "broker/registry/registry.h"

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;
using registry::Certainty;
using registry::Handle;
using registry::Outcome;
using registry::Registry;

namespace {

// Handles of `holder`'s own to all members.
Result<std::vector<Handle>> ResolveAll(engine::Broker& broker, const std::string& name,
                                       Handle holder) {
  std::vector<Handle> handles(8);
  for (;;) {
    std::size_t count = 0;
    const Status resolved = broker.ResolveAllTo(name, holder, handles, &count);
    if (!resolved.ok() && resolved.code() != Code::kBufferTooSmall) return resolved;
    handles.resize(count);
    if (resolved.ok()) return handles;
  }
}

}  // namespace

RoutedCall::RoutedCall(Hub& hub, Route route, registry::Request request, Settled settled)
    : hub_(hub),
      route_(std::move(route)),
      request_(std::move(request)),
      settled_(std::move(settled)) {}

void RoutedCall::Start() {
  const auto self = shared_from_this();
  hub_.deadlines.Set(*this, request_.deadline_ns);
  if (route_.name.empty()) return Try(route_.handle);
  const auto member = hub_.broker().Resolve(route_.name);
  if (member.ok()) return Try(*member);
  if (member.status().reason() == "BROADCAST") return AskAll();
  Settle({member.status(), Certainty::kNotSent, {}});
}

void RoutedCall::Try(Handle handle) {
  tried_.push_back(handle);
  const bool is_last = tried_.size() >= route_.max_attempts;
  std::string payload = is_last ? std::move(request_.payload) : request_.payload;
  runs_.emplace_back();
  Send(runs_.size() - 1, handle, std::move(payload));
}

void RoutedCall::AskAll() {
  const auto members = ResolveAll(hub_.broker(), route_.name, route_.holder);
  if (!members.ok()) return Settle({members.status(), Certainty::kNotSent, {}});
  replies_.resize(members->size());
  runs_.resize(members->size());
  unanswered_ = members->size();
  for (std::size_t i = 0; i < members->size(); ++i) {
    const Handle member = (*members)[i];
    if (const auto info = Registry::Describe(member); info.ok()) {
      replies_[i].owner_name = info->owner_name;
      replies_[i].label = info->label;
    }
    Send(i, member, request_.payload);
    (void)Registry::Release(member);
  }
  // All of them were dead.
  if (members->empty()) Settle({engine::NameNotBound(route_.name), Certainty::kNotSent, {}});
}

void RoutedCall::Send(std::size_t index, Handle handle, std::string payload) {
  registry::Request request;
  request.payload = std::move(payload);
  request.trace_id = request_.trace_id;
  request.deadline_ns = request_.deadline_ns;
  request.caller = request_.caller;
  const HostCall host_call = hub_.InvokeAsync(
      handle, std::move(request), [self = shared_from_this(), index](Outcome outcome) {
        Inbox& inbox = self->hub_.inbox;
        if (inbox.OnOwnThread()) return self->OnOutcome(index, std::move(outcome));
        inbox.Post([self, index, outcome = std::move(outcome)]() mutable {
          self->OnOutcome(index, std::move(outcome));
        });
      });
  runs_[index].host_call = host_call;
}

void RoutedCall::OnOutcome(std::size_t index, Outcome outcome) {
  runs_[index].is_over = true;
  if (!settled_) {
    hub_.stats.late_results.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (replies_.empty()) {
    furthest_ = outcome.certainty = std::max(outcome.certainty, furthest_);
    if (!MayTryAgain(outcome)) return Settle(std::move(outcome));
    const auto other = hub_.broker().Resolve(route_.name, tried_);
    // Nobody else is there: what the last one said tells more.
    if (!other.ok()) return Settle(std::move(outcome));
    hub_.stats.retries.fetch_add(1, std::memory_order_relaxed);
    return Try(*other);
  }
  const std::uint32_t most_bytes = hub_.limits().max_payload_bytes;
  if (gathered_bytes_ + outcome.reply.size() > most_bytes) {
    outcome = {Status(Code::kResourceExhausted,
                      "the replies of the name's members together exceed max_payload_bytes, " +
                          std::to_string(most_bytes),
                      "REPLIES_TOO_LARGE"),
               Certainty::kStarted,
               {}};
  }
  gathered_bytes_ += outcome.reply.size();
  replies_[index].outcome = std::move(outcome);
  if (--unanswered_ == 0) Settle({});
}

bool RoutedCall::MayTryAgain(const Outcome& outcome) const {
  if (outcome.status.ok() || route_.name.empty() || tried_.size() >= route_.max_attempts)
    return false;
  const Code code = outcome.status.code();
  if (code == Code::kDeadlineExceeded || code == Code::kCancelled) return false;
  if (outcome.certainty == Certainty::kNotSent) return true;
  return outcome.certainty == Certainty::kSentUnknown && route_.repeat == Repeat::kAlsoIfUnknown;
}

void RoutedCall::OnDeadline() {
  GiveUp(Status(Code::kDeadlineExceeded, "not everybody answered before the deadline"),
         OnGiveUp::kAskHost);
}

void RoutedCall::CancelRuns(const Status& why, OnGiveUp mode) {
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    if (!runs_[i].is_over) hub_.Cancel(runs_[i].host_call, why, mode);
  }
}

void RoutedCall::GiveUp(const Status& why, OnGiveUp mode) {
  const auto self = shared_from_this();
  CancelRuns(why, mode);
  if (!settled_) return;  // all that was under way could be taken back
  for (std::size_t i = 0; i < replies_.size(); ++i) {
    if (!runs_[i].is_over) replies_[i].outcome = {why, Certainty::kSentUnknown, {}};
  }
  Settle({why, Certainty::kSentUnknown, {}});
}

void RoutedCall::AskHosts(const Status& why) {
  const auto self = shared_from_this();
  CancelRuns(why, OnGiveUp::kAskHost);
}

void RoutedCall::Abandon(const Status& why) {
  const auto self = shared_from_this();
  settled_ = nullptr;
  Withdraw();
  CancelRuns(why, OnGiveUp::kAskHost);
}

void RoutedCall::Settle(Outcome outcome) {
  Withdraw();
  if (const Settled settled = std::exchange(settled_, nullptr))
    settled({std::move(outcome), std::exchange(replies_, {})});
}

}  // namespace belay::daemon
