// A gate: how many calls of one callback may run at a time, and whether more than one may run at all (R10).
//
// Invariants
//   - At most `max_concurrency` calls are between Enter() and Leave().
//   - Those who wait get in in the order in which they came, or leave for a reason: their deadline, or Close().
//   - With `once`, Begin() says OK once.
//
// Thread safety: every method may be called from any thread. `mutex_` is a leaf, and no user code runs under it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>

#include "broker/base/status.h"

namespace belay::registry {

enum class OnFull : std::uint8_t { kReject, kWait };

struct GateOptions {
  std::uint32_t max_concurrency = 0;  // 0: no bound
  OnFull on_full = OnFull::kReject;
  bool once = false;

  bool any() const noexcept { return max_concurrency != 0 || once; }
};

class Gate {
 public:
  // Where the caller stands: a call that waits for the end of one that it is itself inside of waits for ever.
  enum class Caller : std::uint8_t { kOutside, kInside };

  // `name` is the callback's, for what is said.
  Gate(GateOptions options, std::string_view name) : options_(options), name_(name) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Lets a call in. May wait, until `deadline_ns` on the monotonic clock (0: none).
  // RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED, WOULD_DEADLOCK; UNREGISTERED once closed.
  base::Status Enter(Caller caller, std::int64_t deadline_ns);
  void Leave() noexcept;
  // For a call that is let in, right before it runs. FAILED_PRECONDITION, ALREADY_CALLED for all but the
  // first, if it is for one.
  base::Status Begin();
  bool once() const noexcept { return options_.once; }

  // The callback takes no more calls: those who wait stop.
  void Close() noexcept;

  // How many wait: a moment's view.
  std::size_t waiting() const;

 private:
  struct Waiter {
    std::condition_variable changed;
    bool let_in = false;
  };

  const GateOptions options_;
  const std::string name_;
  std::atomic<bool> called_{false};

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::uint32_t running_ = 0;   // as many as may while anybody waits
  std::list<Waiter*> waiters_;  // oldest first; none once closed
  bool closed_ = false;
};

}  // namespace belay::registry
