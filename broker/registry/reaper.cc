// The reaper: one thread per registry that frees retired handles and runs release functions.
//
// Each round takes everything retired or draining so far, issues one heavy fence for all of it, scans the
// hazards of all threads once, and finishes what is not in use. What was retired after the fence waits for
// the next round. If hazards, pins or submitted calls hold the rest, it sleeps until poked: whoever
// clears such a hazard, or ends such a call, sees that a reaper waits (pin.h).
//
// After a round it naps for a millisecond, unless somebody waits for it: releases come in crowds, a fence
// stops every processor, and waking a thread costs a release ten times its own work. So the first
// release after a quiet time is prompt, and those that follow share a round.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <span>

#include "broker/base/brief_lock.h"
#include "broker/registry/faults.h"
#include "broker/registry/pin.h"
#include "broker/registry/registry.h"

namespace belay::registry {
namespace {

constexpr std::int64_t kNapNs = 1'000'000;
// What is done at a time under the mutex: some microseconds.
constexpr std::size_t kBatch = 64;

// A process forked inside a release function has no thread but the reaper's, and must run none of its
// parent's release functions (R13): when the one that forked returns there, the process is over.
void RunUserCode(OwnedContext& context) {
  context.Run();
  if (HandleTable::Forked()) ::_exit(0);
}

void RunAll(std::vector<OwnedContext>& notices) {
  for (OwnedContext& notice : notices) RunUserCode(notice);
}

}  // namespace

bool Registry::NothingLeft() const {
  // Nor notices: none comes once the registry closes, and those before it ran in the round before the last
  // handle was freed.
  return close_state_ != CloseState::kOpen && unfreed_handles_ == 0 && unreleased_callbacks_ == 0;
}

bool Registry::HasWork() const {
  return retired_ != 0 || fenced_ != 0 || !draining_.empty() || !fenced_draining_.empty() ||
         !due_notices_.empty();
}

void Registry::Reap() {
  HandleTable& table = HandleTable::Get();
  std::unique_lock lock(mutex_);
  while (!NothingLeft()) {
    // Read before looking for work, so that work which comes after is a change of it.
    const std::uint64_t seen = table.epoch();
    if (!HasWork()) {
      asleep_ = true;
      SleepUntilPoked(lock, seen);
      continue;
    }
    table.waiting_reapers.fetch_add(1, std::memory_order_seq_cst);
    table.reapers_awaiting_calls.fetch_add(1, std::memory_order_seq_cst);
    const bool progress = ReapOnce(lock);
    const Awaited awaited = progress ? Awaited{} : WhatHoldsTheRest();
    if (!awaited.hazards) table.waiting_reapers.fetch_sub(1, std::memory_order_seq_cst);
    if (!awaited.calls) table.reapers_awaiting_calls.fetch_sub(1, std::memory_order_seq_cst);
    // What came while the mutex was free found nobody asleep, and so woke nobody.
    const bool may_sleep = !progress && !news_;
    if (may_sleep) {
      asleep_ = true;
      SleepUntilPoked(lock, seen);
    } else if (progress && hurried_.load(std::memory_order_relaxed) == 0 &&
               close_state_ == CloseState::kOpen) {
      lock.unlock();
      table.WaitForPoke(seen, kNapNs);
      lock.lock();
    }
    if (awaited.hazards) table.waiting_reapers.fetch_sub(1, std::memory_order_seq_cst);
    if (awaited.calls) table.reapers_awaiting_calls.fetch_sub(1, std::memory_order_seq_cst);
  }
  table.PutBack(spare_slots_.all());
  spare_slots_.Clear();
  for (const std::uint32_t cell : spare_cells_.all()) table.objects().Free(cell);
  spare_cells_.Clear();
  // The last things that the registry keeps alive; the attachment's destructor closes the store.
  std::shared_ptr<void> attachment = std::move(attachment_);
  Ref<Owner> root = std::move(root_);
  const std::shared_ptr<Pool> pool = std::move(pool_);
  lock.unlock();
  if (pool != nullptr) pool->Close();
  if (events_ != nullptr) events_->EndWaits();
  // Before the attachment: whoever sees that end may take log and clock away.
  graveyard_->Close();
  table.graveyards().Closed(*graveyard_);
  attachment.reset();
  root = {};
  lock.lock();
  close_state_ = CloseState::kClosed;
  closed_.notify_all();
}

// Looks after stuck calls now and then, if anybody wants to know of them.
void Registry::SleepUntilPoked(std::unique_lock<std::mutex>& lock, std::uint64_t seen) {
  HandleTable& table = HandleTable::Get();
  lock.unlock();
  if (options_.stuck_after_ns == 0) {
    table.WaitForPoke(seen, HandleTable::kForEver);
  } else {
    const std::int64_t period_ns = std::max<std::int64_t>(options_.stuck_after_ns / 2, kNapNs);
    while (!table.WaitForPoke(seen, period_ns)) WarnOfStuckCalls();
  }
  lock.lock();
}

// After a round without progress: what must end before the next can have any? Only what is waited for
// has to poke. The end of a pin always does, and may be hours away.
Registry::Awaited Registry::WhatHoldsTheRest() const {
  Awaited awaited;
  awaited.hazards = fenced_ != 0;
  ForEachDraining([&](const Callback& callback) {
    if (callback.in_flight() != 0) {
      awaited.calls = true;
    } else if (callback.pins() == 0) {
      awaited.hazards = true;
    }
  });
  return awaited;
}

bool Registry::ReapOnce(std::unique_lock<std::mutex>& lock) {
  HandleTable& table = HandleTable::Get();
  news_ = false;
  // What the rounds before have left, mostly nothing, goes with what has come since; the mutex is held for no
  // more than that, for everybody who registers or releases wants it.
  for (std::uint32_t number = std::exchange(fenced_, std::exchange(retired_, 0)); number != 0;) {
    ColdSlot& cold = table.cold(number);
    const std::uint32_t left = number;
    number = cold.next();
    cold.next() = fenced_;
    fenced_ = left;
  }
  fenced_draining_.Append(draining_);
  std::vector<OwnedContext> notices = std::move(due_notices_);
  due_notices_.clear();

  lock.unlock();
  const bool ran_notices = !notices.empty();
  RunAll(notices);
  HeavyFence(table.fence_mode());
  table.Scan(scan_);
  lock = base::LockBriefly(mutex_);
  const bool released = ReleaseDrained(lock);
  const bool freed = FreeRetired(lock);
  return ran_notices || released || freed;
}

bool Registry::FreeRetired(std::unique_lock<std::mutex>& lock) {
  struct Freed {
    Object* object;  // with the slot's reference
    bool was_last;
  };
  HandleTable& table = HandleTable::Get();
  bool progress = false;
  std::uint32_t rest = std::exchange(fenced_, 0);
  while (rest != 0) {
    std::array<std::uint32_t, kBatch> numbers;
    std::array<Freed, kBatch> batch;
    std::size_t count = 0;
    while (rest != 0 && count < kBatch) {
      ColdSlot& cold = table.cold(rest);
      const std::uint32_t number = rest;
      rest = cold.next();
      if (scan_.HasSlot(number)) {
        cold.next() = fenced_;
        fenced_ = number;
        continue;
      }
      // Only now off the object's list: until here its calls are counted with the slot.
      Object& object = table.object_of(number);
      if (cold.object_prev != 0) {
        table.cold(cold.object_prev).object_next = cold.object_next;
      } else {
        object.first_slot = cold.object_next;
      }
      if (cold.object_next != 0) table.cold(cold.object_next).object_prev = cold.object_prev;
      numbers[count] = number;
      batch[count++] = {&object, object.first_slot == 0};
    }
    if (count == 0) break;
    progress = true;
    unfreed_handles_ -= count;
    table.Free(std::span(numbers).first(count));
    lock.unlock();
    for (const Freed& freed : std::span(batch).first(count)) {
      if (freed.was_last && freed.object->kind != Kind::kCallback) {
        freed.object->HandlesGone();
        if (HandleTable::Forked()) ::_exit(0);  // as in RunUserCode
      }
      freed.object->DropReference();
    }
    lock = base::LockBriefly(mutex_);
  }
  return progress;
}

bool Registry::ReleaseDrained(std::unique_lock<std::mutex>& lock) {
  unlooked_ = std::exchange(fenced_draining_, {});
  bool progress = false;
  while (!unlooked_.empty()) {
    std::array<Callback*, kBatch> ready;
    std::size_t count = 0;
    for (std::size_t looked = 0; looked < kBatch && !unlooked_.empty(); ++looked) {
      Callback& callback = unlooked_.PopFront();
      const bool in_use =
          scan_.HasObject(callback.id) || callback.pins() != 0 || callback.in_flight() != 0;
      if (in_use && !kFaultReleaseEarly) {
        fenced_draining_.PushBack(callback);
      } else {
        ready[count++] = &callback;
      }
    }
    progress = progress || count != 0;
    std::span<Callback* const> left = std::span(ready).first(count);
    while (!left.empty()) left = left.subspan(ReleaseSome(left, lock));
  }
  return progress;
}

// Runs release functions from the first on, until somebody is to be told; returns how many.
std::size_t Registry::ReleaseSome(std::span<Callback* const> ready,
                                  std::unique_lock<std::mutex>& lock) {
  std::array<Callback*, kBatch> released;
  std::size_t count = 0;
  std::size_t ran = 0;
  const std::uint32_t hurried = hurried_.load(std::memory_order_relaxed);
  lock.unlock();
  for (bool tell = false; ran < ready.size() && !tell; ++ran) {
    Callback& callback = *ready[ran];
    CallbackExtra* const extra = callback.extra.load(std::memory_order_acquire);
    // The executor may run it, and with it drop the callback and what kept the executor, in a moment.
    const std::shared_ptr<void> keeper = extra == nullptr ? nullptr : extra->executor_keeper;
    const bool handed_over = extra != nullptr && extra->executor != nullptr &&
                             extra->executor->EnqueueRelease(&extra->release_work);
    if (handed_over) continue;
    RunRelease(callback);
    released[count++] = &callback;
    // Those who wait for a callback, or want notice of it, are told as soon as its own function has run, also if
    // they have come to wait since.
    tell = extra != nullptr || callback.has(Callback::kAwaited) ||
           hurried_.load(std::memory_order_relaxed) != hurried;
  }
  MarkReleased(std::span(released).first(count));
  lock = base::LockBriefly(mutex_);
  return ran;
}

void Registry::RunRelease(Callback& callback) {
  if (callback.has(Callback::kDropContext)) return;
  OwnedContext context(callback.context, callback.origin->release);
  RunUserCode(context);
  if constexpr (kFaultReleaseTwice) OwnedContext(callback.context, callback.origin->release).Run();
}

void Registry::MarkReleased(std::span<Callback* const> released) {
  if (options_.on_released) options_.on_released(released);
  std::vector<OwnedContext> notices;
  bool awaited = false;
  std::unique_lock lock = base::LockBriefly(mutex_);
  for (Callback* const callback : released) {
    callback->set_state(State::kReleased);
    awaited = awaited || callback->has(Callback::kAwaited);
    --callback->owner().callbacks;
    --unreleased_callbacks_;
    NoteState(EventType::kDrained, *callback);
    CallbackExtra* const extra = callback->extra.load(std::memory_order_acquire);
    if (extra == nullptr) continue;
    for (OwnedContext& notice : extra->drain_notices) notices.push_back(std::move(notice));
    extra->drain_notices.clear();
  }
  lock.unlock();
  if (awaited) {
    { const std::lock_guard before_the_look_or_in_the_sleep(progress_mutex_); }
    progress_.notify_all();
  }
  RunAll(notices);
  for (Callback* const callback : released) callback->DropReference();
}

void ReleaseWork::Run() noexcept {
  Callback& callback = callback_;
  const Ref<Registry> keep(&callback.registry());
  {
    // For a release function that would wait for its own callback.
    callback.extra.load(std::memory_order_acquire)->calls.Hold(1);
    const AsyncScope scope(callback, 0);
    const bool drop = callback.has(Callback::kDropContext);
    OwnedContext context(drop ? nullptr : callback.context,
                         drop ? nullptr : callback.origin->release);
    RunUserCode(context);
  }
  Acknowledge();
}

ReleaseWork::Task ReleaseWork::HandOver() noexcept {
  const Task task{callback_.origin->release, callback_.context};
  if (task.function != nullptr && !callback_.has(Callback::kDropContext)) return task;
  Acknowledge();
  return {};
}

void ReleaseWork::Acknowledge() noexcept {
  Callback& callback = callback_;
  Registry& registry = callback.registry();
  const Ref<Registry> keep(&registry);
  Callback* const released = &callback;
  registry.MarkReleased(std::span(&released, 1));
  HandleTable::Get().Poke();  // it may have been the last thing that a closing registry waits for
}

}  // namespace belay::registry
