// Quarantine: a callback whose infrastructure fails takes no calls for a while (R14).
//
// The breaker of a callback decides (breaker.h); its state in the registry follows. A callback that runs
// elsewhere stays gated while it is quarantined, so that each submission asks the breaker, which lets a
// probe through when it is time. One that runs inline can only be quarantined by hand.
#include <new>

#include "broker/registry/pin.h"
#include "broker/registry/refusal.h"
#include "broker/registry/registry.h"

namespace belay::registry {

using base::Code;
using base::Result;
using base::Status;

namespace {

bool IsQuarantined(const Callback& callback) {
  const CallbackExtra* extra = callback.extra.load(std::memory_order_acquire);
  return extra != nullptr && extra->breaker.view().state != Breaker::State::kClosed;
}

}  // namespace

State Registry::StateInUse(const Callback& callback) {
  return IsQuarantined(callback) ? State::kQuarantined : State::kLive;
}

// Reads the breaker under the mutex: of two changes at once, whoever comes last sees both.
void Registry::FollowBreaker(Callback& callback) {
  State now = State::kLive;
  {
    const std::lock_guard lock(mutex_);
    if (!callback.is_live() || callback.state() == State::kSuspended) return;
    now = StateInUse(callback);
    if (now == callback.state()) return;
    callback.set_state(now);
    SetForms(callback);
    NoteState(now == State::kLive ? EventType::kRestored : EventType::kQuarantined, callback);
  }
  try {
    Log(LogLevel::kWarning, "callback \"" + std::string(callback.label()) + "\" is " +
                                (now == State::kLive ? "restored" : "quarantined"));
  } catch (
      const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): the event is there all the same
  }
}

Result<Breaker::Permit> Registry::Admit(Callback& callback) {
  CallbackExtra& extra = *callback.extra.load(std::memory_order_acquire);
  Breaker::Permit permit = extra.breaker.AdmitIfClosed();
  if (permit) [[likely]]
    return permit;
  const std::int64_t now_ns = callback.registry().options_.clock->CoarseMonotonicNs();
  permit = extra.breaker.Admit(now_ns);
  if (!permit) return Quarantined(callback, now_ns);
  return permit;
}

void Registry::Report(Callback& callback, Breaker::Permit permit, Code outcome) {
  CallbackExtra& extra = *callback.extra.load(std::memory_order_acquire);
  if (extra.breaker.ChangesNothing(permit, outcome)) [[likely]]
    return;
  Registry& registry = callback.registry();
  const std::int64_t now_ns = registry.options_.clock->CoarseMonotonicNs();
  if (extra.breaker.Report(permit, outcome, now_ns) != Breaker::Change::kNone)
    registry.FollowBreaker(callback);
}

void Registry::ReportTimeout(Handle handle) {
  Ref<Callback> callback;
  {
    const TransientPin pin(handle);
    if (pin.form() != Form::kGated) return;
    callback = Ref<Callback>(static_cast<Callback*>(pin.object()));
  }
  Registry& registry = callback->registry();
  CallbackExtra& extra = *callback->extra.load(std::memory_order_acquire);
  if (extra.breaker.TimedOut(registry.options_.clock->CoarseMonotonicNs()) !=
      Breaker::Change::kNone)
    registry.FollowBreaker(*callback);
}

Status Registry::Quarantine(Handle handle) {
  auto found = Find(handle, Kind::kCallback);
  if (!found.ok()) return found.status();
  auto& callback = static_cast<Callback&>(**found);
  Registry& registry = callback.registry();
  {
    const auto lock = registry.LockIfLive(handle);
    if (!lock) return NoObject(handle);
    if (Status dead = DeadCallback(callback); !dead.ok()) return dead;
    (void)callback.NeedExtra().breaker.Trip();
  }
  registry.FollowBreaker(callback);
  return {};
}

Status Registry::Restore(Handle handle) {
  auto found = Find(handle, Kind::kCallback);
  if (!found.ok()) return found.status();
  auto& callback = static_cast<Callback&>(**found);
  Registry& registry = callback.registry();
  {
    const auto lock = registry.LockIfLive(handle);
    if (!lock) return NoObject(handle);
    if (Status dead = DeadCallback(callback); !dead.ok()) return dead;
    if (CallbackExtra* extra = callback.extra.load(std::memory_order_acquire); extra != nullptr)
      (void)extra->breaker.Reset();
  }
  registry.FollowBreaker(callback);
  return {};
}

}  // namespace belay::registry
