#include "broker/registry/breaker.h"

#include <algorithm>
#include <string>

#include "broker/registry/pause.h"

namespace belay::registry {

using base::Code;
using base::Status;

namespace {

std::int64_t Later(std::int64_t now_ns, std::int64_t by_ns) noexcept {
  std::int64_t sum = 0;
  return __builtin_add_overflow(now_ns, by_ns, &sum) ? INT64_MAX : sum;
}

}  // namespace

Breaker::Permit Breaker::AdmitSlow(std::int64_t now_ns) {
  Pause(PausePoint::kAdmitBeforeLock);
  const std::lock_guard lock(mutex_);
  if (state_ == State::kClosed) return Permit(epoch_);
  if ((state_ != State::kOpen && state_ != State::kHalfOpen) || now_ns < probe_at_ns_)
    return Permit(0);
  Enter(State::kHalfOpen);
  probe_at_ns_ = Later(now_ns, cool_down_ns_);
  return Permit(epoch_);
}

Breaker::Change Breaker::ReportSlow(Permit permit, Code outcome, std::int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  if (permit.epoch_ != epoch_) return Change::kNone;
  if (IsInfrastructureFailure(outcome)) return CountFailure(outcome, now_ns);
  if (IsAnswer(outcome)) return Answered();
  // It got nowhere. The cool-down has passed already, so the next call is the probe.
  if (state_ == State::kHalfOpen) {
    Enter(State::kOpen);
    probe_at_ns_ = now_ns;
  }
  return Change::kNone;
}

Breaker::Change Breaker::CountFailure(Code failure, std::int64_t now_ns) {
  last_failure_ = failure;
  const std::uint32_t failures = failures_.load(std::memory_order_relaxed);
  if (failures < UINT32_MAX) failures_.store(failures + 1, std::memory_order_relaxed);
  if (state_ == State::kHalfOpen) {
    const std::int64_t longest_ns = std::max(options_.max_cool_down_ns, options_.cool_down_ns);
    Open(cool_down_ns_ > longest_ns / 2 ? longest_ns : cool_down_ns_ * 2, now_ns);
    return Change::kNone;  // it had never closed
  }
  if (options_.threshold == 0 || failures + 1 < options_.threshold) return Change::kNone;
  Open(options_.cool_down_ns, now_ns);
  return Change::kOpened;
}

Breaker::Change Breaker::Answered() {
  failures_.store(0, std::memory_order_relaxed);
  if (state_ != State::kHalfOpen) return Change::kNone;
  Enter(State::kClosed);
  return Change::kClosed;
}

Breaker::Change Breaker::TimedOut(std::int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  return state_ == State::kClosed ? CountFailure(Code::kDeadlineExceeded, now_ns) : Change::kNone;
}

Breaker::Change Breaker::Trip() {
  const std::lock_guard lock(mutex_);
  if (state_ == State::kTripped) return Change::kNone;
  const bool was_closed = state_ == State::kClosed;
  Enter(State::kTripped);
  return was_closed ? Change::kOpened : Change::kNone;
}

Breaker::Change Breaker::Reset() {
  const std::lock_guard lock(mutex_);
  failures_.store(0, std::memory_order_relaxed);
  const bool was_closed = state_ == State::kClosed;
  Enter(State::kClosed);
  return was_closed ? Change::kNone : Change::kClosed;
}

bool Breaker::IsProbeDue(std::int64_t now_ns) const {
  const std::lock_guard lock(mutex_);
  return (state_ == State::kOpen || state_ == State::kHalfOpen) && now_ns >= probe_at_ns_;
}

Status Breaker::Refusal(std::int64_t now_ns) const {
  const View seen = view();
  const std::string failed = "the callback is quarantined, for its last " +
                             std::to_string(seen.consecutive_failures) + " calls failed, " +
                             std::string(base::CodeName(seen.last_failure)) + " last; ";
  switch (seen.state) {
    case State::kTripped:
      return Status(Code::kQuarantined,
                    "an administrator quarantined the callback; it stays so until it is reset",
                    "TRIPPED");
    case State::kHalfOpen:
      return Status(Code::kQuarantined, failed + "one call is probing it now, try again later");
    case State::kOpen: {
      const std::int64_t wait_ns = std::max<std::int64_t>(seen.probe_at_ns - now_ns, 0);
      return Status(Code::kQuarantined, failed + "the first call in " +
                                            std::to_string(wait_ns / 1'000'000) +
                                            " ms will probe it, or an administrator resets it");
    }
    case State::kClosed: break;
  }
  return Status(Code::kQuarantined, "the callback was quarantined a moment ago; try again");
}

Breaker::View Breaker::view() const {
  const std::lock_guard lock(mutex_);
  return {state_, failures_.load(std::memory_order_relaxed), last_failure_,
          state_ == State::kOpen ? probe_at_ns_ : 0};
}

void Breaker::Enter(State state) {
  state_ = state;
  ++epoch_;
  closed_epoch_.store(state == State::kClosed ? epoch_ : 0, std::memory_order_relaxed);
}

void Breaker::Open(std::int64_t cool_down_ns, std::int64_t now_ns) {
  cool_down_ns_ = cool_down_ns;
  probe_at_ns_ = Later(now_ns, cool_down_ns);
  Enter(State::kOpen);
}

}  // namespace belay::registry
