// Waiting until a callback is not in use: for good (drain) or for a while (suspend) (R7).
#include <algorithm>
#include <chrono>
#include <span>
#include <thread>

#include "broker/base/brief_lock.h"
#include "broker/base/deadline.h"
#include "broker/registry/pin.h"
#include "broker/registry/refusal.h"
#include "broker/registry/registry.h"

namespace belay::registry {

using base::Code;
using base::Status;

namespace {

// Most drains are over by then.
constexpr std::int64_t kPromptNs = 1'000'000;
// For how long a drain looks, giving up its processor to the reaper in between, before it sleeps: about what it
// costs to sleep and be woken.
constexpr std::int64_t kLookoutNs = 50'000;

std::int64_t NowNs() { return base::Clock::System().MonotonicNs(); }

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

// From the last to the first: the reaper releases callbacks in the order in which they began to drain, which is
// mostly that of the handles. So there is one wait, and the others are found released.
Status Registry::Drain(std::span<const Handle> handles, std::int64_t timeout_ns) {
  const std::int64_t deadline_ns = NowNs() + std::min(timeout_ns, base::kForEverNs);
  for (; !handles.empty(); handles = handles.first(handles.size() - 1)) {
    if (auto drained = DrainOne(handles.back(), deadline_ns); !drained.ok()) return drained;
  }
  return {};
}

Status Registry::DrainOne(Handle handle, std::int64_t deadline_ns) {
  Ref<Callback> keep;
  {
    const TransientPin pin(handle);
    if (pin.object() == nullptr) return NoObject(handle);
    if (pin.object()->kind != Kind::kCallback) return WrongKind(handle, KindName(Kind::kCallback));
    auto& callback = static_cast<Callback&>(*pin.object());
    if (callback.state() == State::kReleased) return {};
    Registry& registry = callback.registry();
    const std::unique_lock lock = base::LockBriefly(registry.mutex_);
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
  bool drained = registry.AwaitRelease(callback, std::min(deadline_ns, NowNs() + kPromptNs));
  if (!drained) {
    registry.LookAtCalls();  // so that a timeout can tell ages
    drained = registry.AwaitRelease(callback, deadline_ns);
  }
  registry.hurried_.fetch_sub(1, std::memory_order_relaxed);
  if (drained) return {};
  std::unique_lock lock(registry.mutex_);
  const std::uint64_t pins = callback.pins();
  lock.unlock();
  return StillInUse(callback, CallsOf(callback), pins, registry.TellCallsOf(callback));
}

bool Registry::AwaitRelease(const Callback& callback, std::int64_t deadline_ns) {
  const auto released = [&] { return callback.state() == State::kReleased; };
  for (const std::int64_t until_ns = std::min(deadline_ns, NowNs() + kLookoutNs);
       NowNs() < until_ns; std::this_thread::yield()) {
    if (released()) return true;
  }
  std::unique_lock lock(progress_mutex_);
  return progress_.wait_for(lock, std::chrono::nanoseconds(deadline_ns - NowNs()), released);
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
    auto& notices = callback.state() == State::kReleased ? registry.due_notices_
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
    if (callback.state() != State::kSuspended) registry.NoteState(EventType::kSuspended, callback);
    callback.set_state(State::kSuspended);
    SetForms(callback);
  }
  HandleTable& table = HandleTable::Get();
  const base::Clock& clock = *registry.options_.clock;
  const std::int64_t deadline_ns = clock.MonotonicNs() + std::min(timeout_ns, base::kForEverNs);
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
        if (callback.state() == State::kSuspended) {
          callback.set_state(StateInUse(callback));
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
  if (callback.state() != State::kSuspended) return {};
  callback.set_state(StateInUse(callback));
  SetForms(callback);
  registry.NoteState(EventType::kResumed, callback);
  return {};
}

}  // namespace belay::registry
