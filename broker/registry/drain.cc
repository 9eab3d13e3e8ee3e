// Waiting until a callback is not in use: for good (drain) or for a while (suspend) (R7).
#include <algorithm>
#include <chrono>

#include "broker/base/brief_lock.h"
#include "broker/registry/pin.h"
#include "broker/registry/refusal.h"
#include "broker/registry/registry.h"

namespace belay::registry {

using base::Code;
using base::Status;

namespace {

// wait_for of a huge duration overflows in the library: a day is for ever here.
constexpr std::int64_t kLongestNs = std::int64_t{86'400} * 1'000'000'000;
// Most drains are over by then.
constexpr std::int64_t kPromptNs = 1'000'000;

Status StillLive(const Callback& callback) {
  return Status(
      Code::kFailedPrecondition,
      "callback \"" + callback.origin->label + "\" is still registered: unregister it, then drain",
      "STILL_REGISTERED");
}

// `running`: see Registry::TellCallsOf.
Status StillInUse(const Callback& callback, std::uint64_t calls, std::uint64_t pins,
                  const std::string& running) {
  return Status(Code::kDeadlineExceeded, "callback \"" + callback.origin->label + "\" has " +
                                             std::to_string(calls) + " calls in flight and " +
                                             std::to_string(pins) + " pins held" + running);
}

Status WouldWaitForItself(const Callback& callback, std::string_view what) {
  return Status(Code::kWouldDeadlock,
                std::string(what) + " of callback \"" + callback.origin->label +
                    "\" would wait for the call or release function it is made from");
}

std::uint64_t CallsOf(const Callback& callback) {
  return HandleTable::Get().CountCalls(callback.id) + callback.in_flight();
}

// While one lives, whoever clears a hazard or ends a submitted call off the fast path pokes.
class Waiter {
 public:
  Waiter() {
    HandleTable::Get().waiting_reapers.fetch_add(1, std::memory_order_seq_cst);
    HandleTable::Get().reapers_awaiting_calls.fetch_add(1, std::memory_order_seq_cst);
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() {
    HandleTable::Get().reapers_awaiting_calls.fetch_sub(1, std::memory_order_seq_cst);
    HandleTable::Get().waiting_reapers.fetch_sub(1, std::memory_order_seq_cst);
  }
};

}  // namespace

Status Registry::Drain(Handle handle, std::int64_t timeout_ns) {
  Ref<Callback> keep;
  {
    const TransientPin pin(handle);
    if (pin.object() == nullptr) return NoObject(handle);
    if (pin.object()->kind != Kind::kCallback) return WrongKind(handle, KindName(Kind::kCallback));
    auto& callback = static_cast<Callback&>(*pin.object());
    Registry& registry = callback.registry();
    const std::unique_lock lock = base::LockBriefly(registry.mutex_);
    if (callback.state == State::kReleased) return {};
    if (callback.is_live()) return StillLive(callback);
    if (std::this_thread::get_id() == registry.reaper_id_ ||
        InsideCallOf([&](const Object& object) { return &object == &callback; }))
      return WouldWaitForItself(callback, "drain");
    callback.set(Callback::kAwaited);
    registry.hurried_.fetch_add(1, std::memory_order_relaxed);
    keep = Ref<Callback>(&callback);
  }
  Callback& callback = *keep;
  Registry& registry = callback.registry();
  Pause(PausePoint::kDrainBeforeWait);
  HandleTable::Get().Poke();
  const std::int64_t prompt_ns = std::min(timeout_ns, kPromptNs);
  const auto released_within = [&](std::unique_lock<std::mutex>& lock, std::int64_t ns) {
    return registry.progress_.wait_for(lock, std::chrono::nanoseconds(ns),
                                       [&] { return callback.state == State::kReleased; });
  };
  std::unique_lock lock(registry.mutex_);
  bool drained = released_within(lock, prompt_ns);
  if (!drained) {
    lock.unlock();
    registry.LookAtCalls();  // so that a timeout can tell ages
    lock.lock();
    drained = released_within(lock, std::min(timeout_ns, kLongestNs) - prompt_ns);
  }
  registry.hurried_.fetch_sub(1, std::memory_order_relaxed);
  if (drained) return {};
  const std::uint64_t pins = callback.pins();
  lock.unlock();
  return StillInUse(callback, CallsOf(callback), pins, registry.TellCallsOf(callback));
}

Status Registry::NotifyDrained(Handle handle, ReleaseFunction notify, void* context) {
  auto found = Find(handle, Kind::kCallback);
  if (!found.ok()) return found.status();
  auto& callback = static_cast<Callback&>(**found);
  Registry& registry = callback.registry();
  {
    const std::lock_guard lock(registry.mutex_);
    if (registry.close_state_ != CloseState::kOpen)
      return Status(Code::kClosed, "the broker is closed");
    if (callback.is_live()) return StillLive(callback);
    auto& notices = callback.state == State::kReleased ? registry.due_notices_
                                                       : callback.NeedExtra().drain_notices;
    notices.reserve(notices.size() +
                    1);  // before `notify` belongs to anybody: it must not run on failure
    notices.emplace_back(context, notify);
    registry.news_ = true;
  }
  HandleTable::Get().Poke();
  return {};
}

Status Registry::Suspend(Handle handle, std::int64_t timeout_ns) {
  auto found = Find(handle, Kind::kCallback);
  if (!found.ok()) return found.status();
  auto& callback = static_cast<Callback&>(**found);
  Registry& registry = callback.registry();
  {
    const auto lock = registry.LockIfLive(handle);
    if (!lock) return NoObject(handle);
    if (auto usable = registry.CheckUsable(callback, SlotOf(handle), kRightUnregister);
        !usable.ok())
      return usable;
    if (InsideCallOf([&](const Object& object) { return &object == &callback; }))
      return WouldWaitForItself(callback, "suspend");
    if (callback.state != State::kSuspended) registry.NoteState(EventType::kSuspended, callback);
    callback.state = State::kSuspended;
    SetForms(callback);
  }
  HandleTable& table = HandleTable::Get();
  const base::Clock& clock = *registry.options_.clock;
  const std::int64_t deadline_ns = clock.MonotonicNs() + std::min(timeout_ns, kLongestNs);
  registry.LookAtCalls();
  const Waiter waiter;
  while (true) {
    const std::uint64_t seen = table.epoch();
    HeavyFence(table.fence_mode());
    const std::uint64_t calls = CallsOf(callback);
    const std::int64_t left_ns = deadline_ns - clock.MonotonicNs();
    {
      std::unique_lock lock(registry.mutex_);
      const std::uint64_t pins = callback.pins();
      if (calls == 0 && pins == 0) return DeadCallback(callback);
      if (left_ns <= 0) {
        if (callback.state == State::kSuspended) {
          callback.state = StateInUse(callback);
          SetForms(callback);
          registry.NoteState(EventType::kResumed, callback);
        }
        lock.unlock();
        return StillInUse(callback, calls, pins, registry.TellCallsOf(callback));
      }
    }
    table.WaitForPoke(seen, left_ns);
  }
}

Status Registry::Resume(Handle handle) {
  auto found = Find(handle, Kind::kCallback);
  if (!found.ok()) return found.status();
  auto& callback = static_cast<Callback&>(**found);
  Registry& registry = callback.registry();
  const auto lock = registry.LockIfLive(handle);
  if (!lock) return NoObject(handle);
  if (auto usable = registry.CheckUsable(callback, SlotOf(handle), kRightUnregister); !usable.ok())
    return usable;
  if (callback.state != State::kSuspended) return {};
  callback.state = StateInUse(callback);
  SetForms(callback);
  registry.NoteState(EventType::kResumed, callback);
  return {};
}

}  // namespace belay::registry
