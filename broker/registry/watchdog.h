// Which calls have been running for long, without a clock on the way of any call.
//
// A call that a thread is in is known by the thread's record, its depth and the sequence of its cell
// (thread_record.h). Whoever looks twice and finds the same call knows that it has run at least since the
// first look. So ages are lower bounds, as good as looks are frequent.
//
// A look that falls between the first and the last instruction of a call's begin may take the new call
// through a handle for the one before it: it then has that one's age, until the next look.
//
// Invariants
//   - A call is told with an age not beyond the time since it was first seen.
//   - Nothing is remembered of a call that has ended by the latest look.
//
// Thread safety: every method may be called from any thread. `mutex_` is a leaf.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <mutex>
#include <vector>

#include "broker/registry/handle.h"

namespace belay::registry {

class HandleTable;

class Watchdog {
 public:
  struct Call {
    Handle handle = 0;
    pid_t thread_id = 0;
    std::uint32_t record = 0;
    std::uint32_t depth = 0;
    std::uint64_t sequence = 0;
    std::int64_t first_seen_ns = 0;
    bool reported = false;

    bool IsSameAs(const Call& other) const noexcept {
      return handle == other.handle && record == other.record && depth == other.depth &&
             sequence == other.sequence;
    }
  };

  // Looks at all threads. Times are those of one clock.
  void Look(HandleTable& table, std::int64_t now_ns);
  // As of the latest look, those seen at least `min_age_ns` before `now_ns`.
  std::vector<Call> Running(std::int64_t now_ns, std::int64_t min_age_ns) const;
  // The same, each call once.
  std::vector<Call> TakeUnreported(std::int64_t now_ns, std::int64_t min_age_ns);

 private:
  mutable std::mutex mutex_;
  std::vector<Call> calls_;
};

}  // namespace belay::registry
