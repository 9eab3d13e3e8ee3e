// What workers do to one handle, one alone or two at once, and how it judges the answer.
#include <string>
#include <thread>
#include <utility>

#include "broker/registry/pin.h"
#include "tests/model/stress_worker.h"

namespace belay::model {

using registry::CallPin;
using registry::Registry;

void Worker::Call(const Entry& entry, HandleModel& handle) {
  const Before before(*entry, handle);
  base::Status status;
  bool ran = false;
  if (entry->kind == CallKind::kAsync) {
    // Answered by a later step of this thread; only a refusal comes at once.
    Registry::InvokeAsync(handle.handle, {}, [&status](registry::Outcome outcome) {
      if (outcome.certainty == registry::Certainty::kNotSent) status = std::move(outcome.status);
    });
    ran = status.ok();
  } else if (random_.OneIn(4)) {
    status = Registry::Invoke(handle.handle, {}).status;
    ran = status.ok();
  } else {
    const CallPin pin(handle.handle);
    if (pin) {
      pin.Run(nullptr);
      ran = true;
    }
  }
  if (!ran && status.ok()) {
    status = Registry::Refusal(handle.handle);
    if (status.ok()) Violation("R4", "a call was refused for no reason");
  }
  if (ran) {
    if (before.must_be_stale) Violation("R2", "a released handle could be called");
    if (before.must_drain) Violation("R4", "an unregistered callback could be called");
    if (entry->kind == CallKind::kTyped)
      Violation("R11", "a typed callback was invoked without a pin");
    return;
  }
  const Code code = status.code();
  if (code == Code::kFailedPrecondition && entry->kind == CallKind::kTyped) return;
  if (code == Code::kStale && !handle.MayBeStale())
    Violation("R2", "a handle that nobody released is stale: " + status.ToString());
  if (!IsAllowedRefusal(code, *entry, handle, registry::kRightInvoke)) Wrong("call", status);
}

void Worker::Retain(const Entry& entry, HandleModel& handle) {
  if (entry->handle_claim.load() >= CallbackModel::kMaxHandles) return;
  const Before before(*entry, handle);
  const std::shared_ptr<OwnerModel> holder = PickOwner();
  const bool must_fail = holder->close.done();
  const std::uint32_t rights = random_.OneIn(3)
                                   ? handle.rights & static_cast<std::uint32_t>(random_.Below(8))
                                   : handle.rights;
  const auto retained = Registry::Retain(handle.handle, holder->handle, rights);
  if (retained.ok()) {
    if (before.must_be_stale || before.must_drain || must_fail)
      Violation("R4", "retained what was gone");
    if ((handle.rights & registry::kRightRetain) == 0)
      Violation("R16", "retained without the right to");
    Publish(entry, *retained, rights == 0 ? handle.rights : rights, holder);
    return;
  }
  const Code code = retained.code();
  if ((code == Code::kStale || code == Code::kOwnerClosed) && holder->close.begun()) return;
  if (code == Code::kStale && !handle.MayBeStale())
    Violation("R2", "a handle that nobody released is stale");
  if (!IsAllowedRefusal(code, *entry, handle, registry::kRightRetain))
    Wrong("retain", retained.status());
}

void Worker::Release(const Entry& entry, HandleModel& handle) {
  const bool must_fail = handle.MustBeStale();
  // Counted as gone before anybody may have released it.
  if (handle.tries.fetch_add(1, std::memory_order_acq_rel) == 0) {
    if (handle.is_counted) entry->references.fetch_sub(1, std::memory_order_acq_rel);
    handle.release.Begin();
  }
  while (!handle.release.begun()) std::this_thread::yield();
  const base::Status status = Registry::Release(handle.handle);
  if (status.ok()) {
    if (must_fail || handle.successes.fetch_add(1) != 0)
      Violation("R2", "a handle was released twice");
    handle.release.Done();
    return;
  }
  if (status.code() != Code::kStale) Wrong("release", status);
  if (handle.tries.load() == 1 && !handle.holder->close.begun())
    Violation("R2", "the only release of a handle failed");
}

void Worker::OfferDuel(const Entry& entry, HandleModel& handle) {
  Duel& duel = world_.duel;
  int idle = 0;
  if (!stack_.empty() || !duel.arrived.compare_exchange_strong(idle, 1))
    return Release(entry, handle);
  duel.entry = entry;
  duel.handle.store(&handle, std::memory_order_release);
  for (int i = 0; i < 200 && duel.arrived.load() == 1; ++i) std::this_thread::yield();
  int waiting = 1;
  if (duel.arrived.compare_exchange_strong(waiting, 0)) {
    // Nobody came. (Whoever looks at duel.handle now finds `arrived` 0.)
    return Release(entry, handle);
  }
  duel.arrived.store(3);  // both are here
  Release(entry, handle);
  while (duel.arrived.load() != 4) std::this_thread::yield();
  duel.entry = nullptr;
  duel.arrived.store(0);
}

void Worker::AcceptDuel() {
  Duel& duel = world_.duel;
  int waiting = 1;
  if (!stack_.empty() || duel.arrived.load() != 1 ||
      !duel.arrived.compare_exchange_strong(waiting, 2))
    return;
  while (duel.arrived.load() != 3) {
  }
  Release(duel.entry, *duel.handle.load(std::memory_order_acquire));
  duel.arrived.store(4);
}

void Worker::Unregister(const Entry& entry, HandleModel& handle) {
  const bool must_be_stale = handle.MustBeStale();
  const bool is_revoke = random_.OneIn(3);
  Act& act = is_revoke ? entry->revoke : entry->unregister;
  if (is_revoke || (handle.rights & registry::kRightUnregister) != 0) act.Begin();
  const base::Status status =
      Registry::Unregister(handle.handle, is_revoke ? Code::kRevoked : Code::kUnregistered);
  if (status.ok()) {
    if (must_be_stale) Violation("R2", "a released handle could unregister");
    if (act.begun()) act.Done();
    return;
  }
  if (status.code() == Code::kStale && !handle.MayBeStale())
    Violation("R2", "a handle that nobody released is stale");
  if (status.code() != Code::kStale && (is_revoke || status.code() != Code::kPermissionDenied ||
                                        (handle.rights & registry::kRightUnregister) != 0)) {
    Wrong("unregister", status);
  }
}

void Worker::Drain(const Entry& entry, HandleModel& handle) {
  const Before before(*entry, handle);
  // Waits for long only where nothing that this thread holds can be what it waits for.
  const bool waits = stack_.empty() && entry->kind == CallKind::kInline && random_.OneIn(2);
  const base::Status status = Registry::Drain(handle.handle, waits              ? kForEverNs
                                                             : random_.OneIn(2) ? 0
                                                                                : 100'000);
  switch (status.code()) {
    case Code::kOk:
      if (!entry->MayDrain() && !handle.MayBeStale())
        Violation("R7", "drained what nobody unregistered");
      if (entry->releases.load(std::memory_order_relaxed) != 1)
        Violation("R7", "a drain returned before the release function");
      entry->drained.store(true, std::memory_order_release);
      return;
    case Code::kDeadlineExceeded:
      if (waits) Violation("R6", "a drain was never woken: " + status.ToString());
      return;
    case Code::kFailedPrecondition:
      if (before.must_drain) Violation("R7", "an unregistered callback counts as live");
      return;
    case Code::kWouldDeadlock:
      if (!IsInside(*entry) && entry->kind != CallKind::kAsync)
        Violation("R7", "a drain was refused outside of the call");
      return;
    case Code::kStale:
      if (!handle.MayBeStale()) Violation("R2", "a handle that nobody released is stale");
      return;
    default: Wrong("drain", status);
  }
}

void Worker::Pin(const Entry& entry, HandleModel& handle) {
  if (pins_.size() >= 4) Unpin();
  const Before before(*entry, handle);
  const auto pinned = Registry::PinTyped(handle.handle, "i64(i64)");
  if (pinned.ok()) {
    if (before.must_be_stale || before.must_drain) Violation("R4", "pinned what was gone");
    if (entry->kind != CallKind::kTyped) Violation("R11", "pinned what is not typed");
    entry->pins.fetch_add(1, std::memory_order_acq_rel);
    pins_.push_back({entry, *pinned});
    return;
  }
  const Code code = pinned.code();
  if (code == Code::kFailedPrecondition && entry->kind != CallKind::kTyped) return;
  if (code == Code::kStale && !handle.MayBeStale())
    Violation("R2", "a handle that nobody released is stale");
  if (!IsAllowedRefusal(code, *entry, handle, registry::kRightInvoke))
    Wrong("pin", pinned.status());
}

void Worker::Unpin() {
  const std::size_t which = random_.Below(pins_.size());
  const Pinned pinned = pins_[which];
  pins_[which] = pins_.back();
  pins_.pop_back();
  // Whatever became of the callback: through the pin it can be called.
  const auto function =
      reinterpret_cast<std::int64_t (*)(void*, std::int64_t)>(pinned.function.function);
  if (stack_.size() < 4 && function(pinned.function.context, 1) != 2)
    Violation("R11", "a pinned function answered wrongly");
  pinned.entry->pins.fetch_sub(1, std::memory_order_acq_rel);
  if (const base::Status status = Registry::Release(pinned.function.pin); !status.ok()) {
    Violation("R11", "a pin could not be released: " + status.ToString());
  }
  if (random_.OneIn(4) && CodeName(Registry::Release(pinned.function.pin).code()) != "STALE") {
    Violation("R11", "a pin was released twice");
  }
}

void Worker::Answer() {
  Kept kept = std::move(answers_.front());
  answers_.pop_front();
  kept.callback->in_call.fetch_sub(1, std::memory_order_relaxed);
  if (random_.OneIn(4)) return;  // dropped: ABANDONED
  kept.call->Finish({});
}

void Worker::Describe(const Entry& entry, HandleModel& handle) {
  const bool must_be_stale = handle.MustBeStale();
  const auto info = Registry::Describe(handle.handle);
  if (info.ok()) {
    if (must_be_stale) Violation("R15", "a released handle could be described");
    if (info->state == registry::State::kReleased &&
        entry->releases.load(std::memory_order_relaxed) != 1) {
      Violation("R15", "shown as released before it was");
    }
  } else if (info.code() != Code::kStale || !handle.MayBeStale()) {
    Wrong("describe", info.status());
  }
  (void)Registry::Holders(handle.handle);
  if (random_.OneIn(16)) {
    std::uint64_t after = random_.Below(200);
    (void)world_.registry->List(&after, 32);
  }
}

}  // namespace belay::model
