// Calls that are running: what they belong to, and those that run for too long (R7, R15).
#include <algorithm>

#include "broker/registry/pin.h"
#include "broker/registry/registry.h"

namespace belay::registry {
namespace {

std::string Seconds(std::int64_t ns) {
  return std::to_string(ns / 1'000'000'000) + "." + std::to_string(ns / 100'000'000 % 10) + " s";
}

}  // namespace

void Registry::LookAtCalls() {
  watchdog_.Look(HandleTable::Get(), options_.clock->CoarseMonotonicNs());
}

// A hazard holds whatever number a caller passed, and its call may have ended since.
std::optional<RunningCall> Registry::RunningCallOf(const Watchdog::Call& call,
                                                   std::int64_t now_ns) {
  HandleTable& table = HandleTable::Get();
  const std::uint32_t number = SlotOf(call.handle);
  std::optional<RunningCall> running;
  table.ForEach(number, number + 1, [&](std::uint32_t, Object& object) {
    const std::uint64_t key = table.slot(number).key.load(std::memory_order_relaxed);
    if (!IsFormOf(key, call.handle) || object.kind != Kind::kCallback) return;
    if (&object.registry() != this) return;
    running = RunningCall{call.handle,
                          call.thread_id,
                          call.depth,
                          now_ns - call.first_seen_ns,
                          std::string(object.label()),
                          static_cast<Callback&>(object).origin->site,
                          object.owner().name,
                          table.form(number) == Form::kRetired ? "" : HolderOf(number).name,
                          object.id};
  });
  return running;
}

std::vector<RunningCall> Registry::RunningCalls(std::int64_t min_age_ns) {
  std::vector<RunningCall> running;
  if (HandleTable::Forked()) return running;
  LookAtCalls();
  const std::int64_t now_ns = options_.clock->CoarseMonotonicNs();
  const std::vector<Watchdog::Call> seen = watchdog_.Running(now_ns, min_age_ns);
  const std::lock_guard lock(mutex_);
  for (const Watchdog::Call& call : seen) {
    if (auto found = RunningCallOf(call, now_ns)) running.push_back(std::move(*found));
  }
  return running;
}

std::string Registry::TellCallsOf(const Callback& callback) {
  std::string text;
  for (const RunningCall& call : RunningCalls(0)) {
    if (call.callback != callback.id) continue;
    text += (text.empty() ? ": on thread " : ", on thread ") + std::to_string(call.thread_id) +
            " for at least " + Seconds(call.age_ns);
  }
  return text;
}

void Registry::WarnOfStuckCalls() {
  LookAtCalls();
  const std::int64_t now_ns = options_.clock->CoarseMonotonicNs();
  std::vector<std::string> lines;
  {
    const std::lock_guard lock(mutex_);
    for (const Watchdog::Call& seen : watchdog_.TakeUnreported(now_ns, options_.stuck_after_ns)) {
      const auto call = RunningCallOf(seen, now_ns);
      if (!call) continue;
      lines.push_back("a call of callback \"" + call->label + "\", owner \"" + call->owner_name +
                      "\", held by \"" + call->holder_name + "\", has been running for at least " +
                      Seconds(call->age_ns) + " on thread " + std::to_string(call->thread_id) +
                      (call->site.empty() ? "" : ", registered at " + call->site));
    }
  }
  for (const std::string& line : lines) Log(LogLevel::kWarning, line);
}

}  // namespace belay::registry
