// Time as the broker sees it: injected, so that leases, deadlines and ages are tested without waiting.
//
// Thread safety: all methods may be called from any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace belay::base {

class Clock {
 public:
  virtual ~Clock() = default;
  // Nanoseconds that never go back (CLOCK_MONOTONIC): for deadlines, leases and ages.
  virtual std::int64_t MonotonicNs() const = 0;
  // The same, as of the last tick of the system (some milliseconds ago), for what is often asked.
  virtual std::int64_t CoarseMonotonicNs() const { return MonotonicNs(); }
  // Nanoseconds since the Unix epoch: shown to people, and what must hold across restarts.
  virtual std::int64_t WallNs() const = 0;

  // The machine's clock; lives for ever.
  static const Clock& System();
};

// A clock that moves only when told to.
class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(std::int64_t start_ns = 1'000'000'000) : now_ns_(start_ns) {}
  std::int64_t MonotonicNs() const override { return now_ns_.load(std::memory_order_relaxed); }
  std::int64_t WallNs() const override { return now_ns_.load(std::memory_order_relaxed); }
  void AdvanceNs(std::int64_t delta_ns) { now_ns_.fetch_add(delta_ns, std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> now_ns_;  // relaxed: a clock orders nothing but itself
};

}  // namespace belay::base
