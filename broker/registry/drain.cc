// Waiting for a callback to drain (R7).
#include <algorithm>
#include <chrono>

#include "broker/registry/pin.h"
#include "broker/registry/registry.h"

namespace belay::registry {

using base::Code;
using base::Status;

namespace {

Status StillLive(const Callback& callback) {
  return Status(
      Code::kFailedPrecondition,
      "callback \"" + callback.label + "\" is still registered: unregister it, then drain",
      "STILL_REGISTERED");
}

}  // namespace

Status Registry::Drain(Handle handle, std::int64_t timeout_ns) {
  auto found = Find(handle, Kind::kCallback);
  if (!found.ok()) return found.status();
  auto& callback = static_cast<Callback&>(**found);
  Registry& registry = *callback.registry;
  const bool from_inside = std::this_thread::get_id() == registry.reaper_id_ ||
                           InsideCallOf([&](const Object& object) { return &object == &callback; });
  std::unique_lock lock(registry.mutex_);
  if (callback.state == State::kReleased) return {};
  if (callback.state == State::kLive) return StillLive(callback);
  if (from_inside) {
    return Status(Code::kWouldDeadlock,
                  "drain of callback \"" + callback.label +
                      "\" would wait for the call or release function it is made from");
  }
  const auto timeout =
      std::chrono::nanoseconds(std::min(timeout_ns, std::int64_t{86'400} * 1'000'000'000));
  if (registry.progress_.wait_for(lock, timeout,
                                  [&] { return callback.state == State::kReleased; }))
    return {};
  const std::uint64_t pins = callback.pins;
  const std::uint64_t async_calls = std::max(callback.async_calls, callback.async_starts);
  lock.unlock();
  const std::uint64_t calls = HandleTable::Get().CountCalls(callback) + async_calls;
  return Status(Code::kDeadlineExceeded, "callback \"" + callback.label + "\" has " +
                                             std::to_string(calls) + " calls in flight and " +
                                             std::to_string(pins) + " pins held");
}

Status Registry::NotifyDrained(Handle handle, ReleaseFunction notify, void* context) {
  auto found = Find(handle, Kind::kCallback);
  if (!found.ok()) return found.status();
  auto& callback = static_cast<Callback&>(**found);
  Registry& registry = *callback.registry;
  {
    const std::lock_guard lock(registry.mutex_);
    if (callback.state == State::kLive) return StillLive(callback);
    auto& notices =
        callback.state == State::kReleased ? registry.due_notices_ : callback.drain_notices;
    notices.emplace_back(context, notify);
  }
  HandleTable::Get().Poke();
  return {};
}

}  // namespace belay::registry
