#include "broker/registry/watchdog.h"

#include <algorithm>

#include "broker/registry/handle_table.h"

namespace belay::registry {

void Watchdog::Look(HandleTable& table, std::int64_t now_ns) {
  std::vector<Call> seen;
  table.ForEachCall([&](const ThreadRecord& record, std::uint32_t depth, Handle handle) {
    const std::uint64_t sequence = record.cells[depth].sequence.load(std::memory_order_acquire);
    seen.push_back({handle, record.thread_id.load(std::memory_order_relaxed), record.number, depth,
                    sequence, now_ns, false});
  });
  const std::lock_guard lock(mutex_);
  for (Call& call : seen) {
    const auto before = std::find_if(calls_.begin(), calls_.end(),
                                     [&](const Call& known) { return known.IsSameAs(call); });
    if (before == calls_.end()) continue;
    call.first_seen_ns = before->first_seen_ns;
    call.reported = before->reported;
  }
  calls_ = std::move(seen);
}

std::vector<Watchdog::Call> Watchdog::Running(std::int64_t now_ns, std::int64_t min_age_ns) const {
  std::vector<Call> running;
  const std::lock_guard lock(mutex_);
  for (const Call& call : calls_) {
    if (now_ns - call.first_seen_ns >= min_age_ns) running.push_back(call);
  }
  return running;
}

std::vector<Watchdog::Call> Watchdog::TakeUnreported(std::int64_t now_ns, std::int64_t min_age_ns) {
  std::vector<Call> running;
  const std::lock_guard lock(mutex_);
  for (Call& call : calls_) {
    if (call.reported || now_ns - call.first_seen_ns < min_age_ns) continue;
    call.reported = true;
    running.push_back(call);
  }
  return running;
}

}  // namespace belay::registry
