// The circuit breaker of one callback: what keeps a broken host from taking its callers down (R14).
//
// CLOSED lets every call through and counts consecutive failures of the infrastructure: the host is
// gone, cannot be reached, does not answer in time, drops the reply. At the threshold it opens.
// OPEN refuses every call (QUARANTINED) until the cool-down has passed; then exactly one call is
// let through, the probe (HALF OPEN). If the probe is answered the breaker closes; if not it opens
// again, for twice as long, up to a bound. An administrator may trip it, which lasts until a reset,
// without probes.
//
// What counts. An answer of the callback, be it an error of its own, proves that the infrastructure
// works: it resets the count, and closes the breaker if it is the probe's. A call that got nowhere
// (a full queue, a cancelled call, a bad argument) proves nothing: it neither counts nor resets,
// and if it was the probe the next call becomes the probe.
//
// Invariants
//   - While open and before the cool-down has passed no call is admitted; then one, until its end
//     is reported, or another cool-down has passed without: a host that hangs must not keep its breaker
//     half open for good.
//   - An outcome counts only if no transition came between admission and report: what was begun
//     before the breaker opened, or before somebody reset it, says nothing about now. A permit
//     bears the epoch of its admission, every transition begins a new one.
//   - While calls are answered neither Admit() nor Report() writes or locks.
//
// Thread safety: every method may be called from any thread. `mutex_` is a leaf, taken by calls
// only when something failed or is refused. Time is passed in: nanoseconds of a clock that does not
// go back.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "broker/base/status.h"

namespace belay::registry {

struct BreakerOptions {
  std::uint32_t threshold = 5;  // consecutive failures that open it; 0: only Trip() does
  std::int64_t cool_down_ns = 1'000'000'000;
  std::int64_t max_cool_down_ns = 60'000'000'000;
};

// True for a failure that is the infrastructure's.
constexpr bool IsInfrastructureFailure(base::Code code) noexcept {
  return code == base::Code::kHostLost || code == base::Code::kUnavailable ||
         code == base::Code::kDeadlineExceeded || code == base::Code::kAbandoned;
}
// True if the callback ran and answered, be it with an error of its own.
constexpr bool IsAnswer(base::Code code) noexcept {
  return code == base::Code::kOk || code == base::Code::kCallbackFailed ||
         code == base::Code::kBufferTooSmall;
}

class Breaker {
 public:
  enum class State : std::uint8_t { kClosed = 1, kOpen = 2, kHalfOpen = 3, kTripped = 4 };

  // What Admit() gives to a call and Report() takes back.
  class Permit {
   public:
    Permit() = default;
    explicit operator bool() const noexcept { return epoch_ != 0; }

   private:
    friend class Breaker;
    explicit Permit(std::uint64_t epoch) : epoch_(epoch) {}
    std::uint64_t epoch_ = 0;  // 0: refused
  };

  // What a report or a command changed, for who tells the world.
  enum class Change : std::uint8_t { kNone, kOpened, kClosed };

  // A moment's view.
  struct View {
    State state = State::kClosed;
    std::uint32_t consecutive_failures = 0;
    base::Code last_failure = base::Code::kOk;  // what opened it, or would
    std::int64_t probe_at_ns = 0;               // while open: when the next call is let through
  };

  // `options` must outlive the breaker: the callbacks of a registry share theirs.
  explicit Breaker(const BreakerOptions& options) : options_(options) {}
  Breaker(const Breaker&) = delete;
  Breaker& operator=(const Breaker&) = delete;

  // Whether a call may begin. One that may must be reported, exactly once. Why not: Refusal().
  [[nodiscard]] Permit Admit(std::int64_t now_ns) {
    const Permit permit = AdmitIfClosed();
    return permit ? permit : AdmitSlow(now_ns);
  }
  // How an admitted call ended.
  Change Report(Permit permit, base::Code outcome, std::int64_t now_ns) {
    return ChangesNothing(permit, outcome) ? Change::kNone : ReportSlow(permit, outcome, now_ns);
  }

  // What these two come to nearly always, for who would have to ask a clock: a permit while it is closed, and
  // whether there is nothing to report. If not, Admit() and Report() decide.
  [[nodiscard]] Permit AdmitIfClosed() const noexcept {
    // relaxed: the epoch is all that is learnt from it.
    return Permit(closed_epoch_.load(std::memory_order_relaxed));
  }
  [[nodiscard]] bool ChangesNothing(Permit permit, base::Code outcome) const noexcept {
    return IsAnswer(outcome) && failures_.load(std::memory_order_relaxed) == 0 &&
           permit.epoch_ == closed_epoch_.load(std::memory_order_relaxed);
  }

  // A caller has given up waiting for an answer that may still come. Counts as a failure while closed; a probe
  // that takes too long gives way to another by itself.
  Change TimedOut(std::int64_t now_ns);

  // Opens it until Reset(). kNone if it was not closed.
  Change Trip();
  // Closes it and forgets all failures, also of calls in flight. kNone if it was closed.
  Change Reset();

  // True if the next Admit() lets a probe through.
  bool IsProbeDue(std::int64_t now_ns) const;
  // QUARANTINED, with text that says why, and when the next probe is due.
  base::Status Refusal(std::int64_t now_ns) const;
  View view() const;

 private:
  Permit AdmitSlow(std::int64_t now_ns);
  Change ReportSlow(Permit permit, base::Code outcome, std::int64_t now_ns);
  // REQUIRES for all below: mutex_ held.
  Change CountFailure(base::Code failure, std::int64_t now_ns);
  Change Answered();
  void Enter(State state);
  void Open(std::int64_t cool_down_ns, std::int64_t now_ns);

  const BreakerOptions& options_;

  // `epoch_` while closed, else 0; and the count, read without the mutex to see that there is
  // nothing to do. Written under it.
  std::atomic<std::uint64_t> closed_epoch_{1};
  std::atomic<std::uint32_t> failures_{0};

  mutable std::mutex mutex_;
  std::uint64_t epoch_ = 1;
  std::int64_t probe_at_ns_ = 0;   // while open or half open: when the next call is let through
  std::int64_t cool_down_ns_ = 0;  // the last one
  base::Code last_failure_ = base::Code::kOk;
  State state_ = State::kClosed;
};

}  // namespace belay::registry
