// Calls: those that this client makes, and those that it runs.
#include <algorithm>
#include <utility>

#include "belay/v1/session.pb.h"
#include "broker/daemon/outcome_wire.h"
#include "broker/daemon/session.h"
#include "broker/daemon/status_wire.h"

namespace belay::daemon {

using base::Code;
using base::Status;
using registry::Certainty;

namespace {

Status TooLarge(std::string_view what, std::size_t bytes, std::string_view bound,
                std::uint32_t max_bytes) {
  return Status(Code::kResourceExhausted,
                "the " + std::string(what) + " has " + std::to_string(bytes) + " bytes, " +
                    std::string(bound) + " is " + std::to_string(max_bytes),
                "PAYLOAD_TOO_LARGE");
}

Status PayloadTooLarge(std::string_view what, std::size_t bytes, const Limits& limits) {
  return TooLarge(what, bytes, "max_payload_bytes", limits.max_payload_bytes);
}

Status TooLate() {
  return Status(Code::kDeadlineExceeded, "the callback did not answer before the deadline");
}

}  // namespace

// --- As a caller ---

void Session::OnCall(v1::Call& call) {
  const std::uint64_t call_id = call.call_id();
  if (waiting_.contains(call_id) || (!routed_.empty() && routed_.contains(call_id))) {
    return Break(
        Status(Code::kInvalidArgument,
               "call_id " + std::to_string(call_id) + " is in use by a call not yet answered",
               "CALL_ID_IN_USE"));
  }
  const auto refuse = [&](Status status) {
    if (!call.no_reply()) SendResult(call_id, {std::move(status), Certainty::kNotSent, {}});
  };
  const Limits& limits = limits_;
  if (hub_.draining()) return refuse(ShuttingDown());
  if (waiting_.size() + routed_.size() >= limits.max_calls_in_flight) {
    return refuse(Status(Code::kResourceExhausted,
                         std::to_string(waiting_.size() + routed_.size()) +
                             " calls are in flight, max_calls_in_flight is " +
                             std::to_string(limits.max_calls_in_flight),
                         "TOO_MANY_CALLS"));
  }
  if (call.payload().size() > limits.max_payload_bytes)
    return refuse(PayloadTooLarge("payload", call.payload().size(), limits));
  if (!call.trace_id().empty() && call.trace_id().size() != 16) {
    return refuse(Status(
        Code::kInvalidArgument,
        "trace_id has " + std::to_string(call.trace_id().size()) + " bytes, must have 16 or none"));
  }
  const auto entry = table_.FindCallback(call.handle());
  if (!entry.ok() || call.no_reply()) return Route(call);
  const std::size_t payload_bytes = call.payload().size();
  if (Status may = account_->CheckCall(payload_bytes, hub_.clock()); !may.ok()) return refuse(may);

  registry::Request request = MakeRequest(call);
  Waiting& waiting = waiting_[call_id];
  waiting.session = this;
  waiting.call_id = call_id;
  waiting.charge = account_->BeginCall(payload_bytes);
  hub_.deadlines.Set(waiting, request.deadline_ns);
  const HostCall host_call =
      hub_.InvokeAsync((*entry)->handle, std::move(request),
                       [self = shared_from_this(), call_id](registry::Outcome outcome) {
                         Inbox& inbox = self->hub_.inbox;
                         if (inbox.OnOwnThread())
                           return self->OnOutcome(call_id, std::move(outcome));
                         inbox.Post([self, call_id, outcome = std::move(outcome)]() mutable {
                           self->OnOutcome(call_id, std::move(outcome));
                         });
                       });
  // Refused calls have been answered by now, and are no longer there.
  if (const auto found = waiting_.find(call_id); found != waiting_.end())
    found->second.host_call = host_call;
}

registry::Request Session::MakeRequest(v1::Call& call) const {
  registry::Request request;
  request.payload = std::move(*call.mutable_payload());
  request.trace_id = std::move(*call.mutable_trace_id());
  request.deadline_ns = hub_.DeadlineFor(call.timeout_ms());
  request.caller = client_name_;
  return request;
}

void Session::OnOutcome(std::uint64_t call_id, registry::Outcome outcome) {
  const auto found = waiting_.find(call_id);
  if (found == waiting_.end()) {
    hub_.stats.late_results.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  waiting_.erase(found);
  SendResult(call_id, std::move(outcome));
  if (hub_.draining()) EndIfIdle();
}

void Session::OnCancel(const v1::CancelCall& cancel) {
  const Status why(Code::kCancelled, "the caller cancelled the call");
  const auto found = waiting_.find(cancel.call_id());
  if (found == waiting_.end()) return CancelRouted(cancel, why);
  if (cancel.mode() == v1::CANCEL_MODE_WAIT)
    return hub_.Cancel(found->second.host_call, why, OnGiveUp::kAskHost);
  StopWaiting(cancel.call_id(), why, OnGiveUpOf(cancel));
}

void Session::OnWaitedTooLong(std::uint64_t call_id) {
  StopWaiting(call_id, TooLate(), OnGiveUp::kAskHost);
}

// REQUIRES: the call is waited for.
void Session::StopWaiting(std::uint64_t call_id, const Status& status, OnGiveUp mode) {
  const HostCall host_call = waiting_.at(call_id).host_call;
  hub_.Cancel(host_call, status, mode);
  if (waiting_.erase(call_id) == 0) return;  // it was taken back, and has its outcome
  SendResult(call_id, {status, Certainty::kSentUnknown, {}});
  if (hub_.draining()) EndIfIdle();
}

void Session::SendResult(std::uint64_t call_id, registry::Outcome outcome) {
  v1::CallResult& result =
      *outbox_.Add(outcome.reply.size() + outcome.status.message().size()).mutable_result();
  result.set_call_id(call_id);
  SetOutcome(std::move(outcome), result);
  Flush();
}

// --- As a host ---

void Session::StartHosted(std::uint64_t wire_handle, std::unique_ptr<registry::AsyncCall> call) {
  const Limits& limits = limits_;
  if (ended()) {
    call->Finish({HostGone(), Certainty::kNotSent, {}});
    return;
  }
  if (running_.size() >= limits.max_calls_in_flight) {
    call->Finish({Status(Code::kResourceExhausted,
                         "\"" + client_name_ + "\" has " + std::to_string(running_.size()) +
                             " calls to answer, max_calls_in_flight is " +
                             std::to_string(limits.max_calls_in_flight),
                         "HOST_BUSY"),
                  Certainty::kNotSent,
                  {}});
    return;
  }
  if (outbox_.queued_bytes() >= limits.max_queued_bytes) {
    call->Finish({Status(Code::kResourceExhausted,
                         std::to_string(outbox_.queued_bytes()) + " bytes wait for \"" +
                             client_name_ + "\" to read them, max_queued_bytes is " +
                             std::to_string(limits.max_queued_bytes),
                         "HOST_BUSY"),
                  Certainty::kNotSent,
                  {}});
    return;
  }
  registry::Request& request = call->request;
  // Callers are held to max_payload_bytes; the store's own questions show whole values.
  if (request.payload.size() > limits.max_frame_bytes) {
    call->Finish(
        {TooLarge("question", request.payload.size(), "max_frame_bytes", limits.max_frame_bytes),
         Certainty::kNotSent,
         {}});
    return;
  }
  const std::uint64_t call_id = ++last_host_call_;
  v1::Call& wire = *outbox_.Add(request.payload.size() + request.caller.size()).mutable_call();
  wire.set_call_id(call_id);
  wire.set_handle(wire_handle);
  wire.set_payload(std::move(request.payload));
  if (!request.trace_id.empty()) wire.set_trace_id(std::move(request.trace_id));
  wire.set_caller(std::move(request.caller));
  Running& running = running_[call_id];
  running.session = this;
  running.call_id = call_id;
  running.operation = outbox_.added();
  if (request.deadline_ns != 0) {
    // Rounded up: 0 would mean that there is none.
    const std::int64_t left_ms =
        (request.deadline_ns - hub_.clock().MonotonicNs() + 999'999) / 1'000'000;
    wire.set_timeout_ms(
        static_cast<std::uint32_t>(std::clamp<std::int64_t>(left_ms, 1, UINT32_MAX)));
    hub_.deadlines.Set(running, request.deadline_ns);
  }
  running.call = std::move(call);
  hub_.NoteStarted({id_, call_id});
  Flush();
}

void Session::OnResult(v1::CallResult& result) {
  const auto found = running_.find(result.call_id());
  if (found == running_.end()) {
    hub_.stats.late_results.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const std::unique_ptr<registry::AsyncCall> call = std::move(found->second.call);
  running_.erase(found);
  registry::Outcome outcome{{}, Certainty::kStarted, {}};
  if (result.has_status() && result.status().code() != 0) {
    outcome.status = FromHost(result.status());
    outcome.reply = CalleeErrorOf(result.status());
  } else if (result.payload().size() > limits_.max_payload_bytes) {
    outcome.status = PayloadTooLarge("reply", result.payload().size(), limits_);
  } else {
    outcome.reply = std::move(*result.mutable_payload());
  }
  call->Finish(std::move(outcome));
}

void Session::OnRanTooLong(std::uint64_t call_id) {
  CancelRunning(call_id, TooLate(), OnGiveUp::kAskHost);
}

void Session::CancelRunning(std::uint64_t call_id, const Status& why, OnGiveUp mode) {
  const auto found = running_.find(call_id);
  if (ended() || found == running_.end()) return;
  Running& running = found->second;
  if (TakeBack(running)) {
    const std::unique_ptr<registry::AsyncCall> call = std::move(running.call);
    running_.erase(found);
    call->Finish({why, Certainty::kNotSent, {}});
    if (hub_.draining()) EndIfIdle();
    return;
  }
  if (mode == OnGiveUp::kLeaveHost || std::exchange(running.was_cancelled, true)) return;
  running.Withdraw();
  outbox_.Add().mutable_cancel()->set_call_id(call_id);
  Flush();
}

// Makes sure that the client never sees a call that no frame has carried yet; false if one has. In the place
// of the Call, as operations are numbered, comes what clients ignore: its cancellation.
bool Session::TakeBack(const Running& running) {
  v1::ServerOperation* const unsent = outbox_.FindUnsent(running.operation);
  if (unsent == nullptr) return false;
  unsent->mutable_cancel()->set_call_id(running.call_id);
  return true;
}

Status Session::HostGone() const {
  return Status(Code::kHostLost,
                "the process of \"" + client_name_ + "\" that hosts the callback is gone");
}

void Session::OnContextReleased(std::uint64_t wire_handle, bool was_announced) {
  --hosted_;
  --account_->used.callbacks;
  if (ended() || !was_announced) return;
  outbox_.Add().mutable_released()->set_handle(wire_handle);
  Flush();
}

}  // namespace belay::daemon
