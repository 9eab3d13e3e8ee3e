// The reaper: one thread per registry that frees retired handles and runs release functions.
//
// Each round takes everything retired or draining so far, issues one heavy fence for all of it, scans the
// hazards of all threads once, and finishes what bears no mark. What was retired after the fence waits for
// the next round. If hazards, pins or asynchronous calls hold the rest, it sleeps until poked: whoever
// clears such a hazard sees that a reaper waits (pin.h).
#include <unistd.h>

#include <array>
#include <span>

#include "broker/registry/faults.h"
#include "broker/registry/pin.h"
#include "broker/registry/registry.h"

namespace belay::registry {
namespace {

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
  return close_state_ != CloseState::kOpen && unfreed_handles_ == 0 && unreleased_callbacks_ == 0 &&
         due_notices_.empty();
}

void Registry::Reap() {
  HandleTable& table = HandleTable::Get();
  std::unique_lock lock(mutex_);
  while (!NothingLeft()) {
    // Read before looking for work, so that work which comes after is a change of it.
    const std::uint64_t seen = table.epoch();
    bool progress = false;
    if (retired_ != 0 || fenced_ != 0 || draining_ != nullptr || !due_notices_.empty()) {
      table.waiting_reapers.fetch_add(1, std::memory_order_seq_cst);
      progress = ReapOnce(lock);
      const bool for_hazards = !progress && AwaitsHazards();
      if (for_hazards) {
        lock.unlock();
        table.WaitForPoke(seen);
        lock.lock();
      }
      table.waiting_reapers.fetch_sub(1, std::memory_order_seq_cst);
      if (progress || for_hazards) continue;
    }
    lock.unlock();
    table.WaitForPoke(seen);
    lock.lock();
  }
  // The last things that the registry keeps alive; the attachment's destructor closes the store.
  std::shared_ptr<void> attachment = std::move(attachment_);
  Ref<Owner> root = std::move(root_);
  lock.unlock();
  attachment.reset();
  root = {};
  lock.lock();
  close_state_ = CloseState::kClosed;
  progress_.notify_all();
}

// After a round without progress: does anything but typed pins and asynchronous calls hold the rest? The
// end of those pokes by itself, and may be hours away: till then other threads need not poke.
bool Registry::AwaitsHazards() const {
  if (fenced_ != 0) return true;
  for (const Callback* callback = draining_; callback != nullptr; callback = callback->owner_next) {
    if (callback->pins == 0 && callback->async_calls == 0 && callback->async_starts == 0)
      return true;
  }
  return false;
}

bool Registry::ReapOnce(std::unique_lock<std::mutex>& lock) {
  HandleTable& table = HandleTable::Get();
  while (retired_ != 0) {
    ColdSlot& cold = table.cold(retired_);
    const std::uint32_t number = std::exchange(retired_, cold.next_retired);
    cold.next_retired = std::exchange(fenced_, number);
  }
  for (Callback* callback = draining_; callback != nullptr; callback = callback->owner_next)
    callback->fenced = true;
  std::vector<OwnedContext> notices = std::move(due_notices_);
  due_notices_.clear();

  lock.unlock();
  const bool ran_notices = !notices.empty();
  RunAll(notices);
  HeavyFence(table.fence_mode());
  const std::uint64_t mark = table.MarkHazards();
  lock.lock();
  const bool released = ReleaseDrained(lock, mark);
  const bool freed = FreeRetired(lock, mark);
  return ran_notices || released || freed;
}

bool Registry::FreeRetired(std::unique_lock<std::mutex>& lock, std::uint64_t mark) {
  struct Freed {
    Object* object;  // with the slot's reference
    bool was_last;
  };
  HandleTable& table = HandleTable::Get();
  bool progress = false;
  std::uint32_t rest = std::exchange(fenced_, 0);
  while (rest != 0) {
    std::array<Freed, 64> batch;
    std::size_t count = 0;
    while (rest != 0 && count < batch.size()) {
      ColdSlot& cold = table.cold(rest);
      const std::uint32_t number = std::exchange(rest, cold.next_retired);
      if (cold.scan_mark.load(std::memory_order_relaxed) >= mark) {
        cold.next_retired = std::exchange(fenced_, number);
        continue;
      }
      Object* const object = table.slot(number).object;
      // Only now off the object's list: until here its calls are counted with the slot.
      (cold.object_prev != 0 ? table.cold(cold.object_prev).object_next : object->first_slot) =
          cold.object_next;
      if (cold.object_next != 0) table.cold(cold.object_next).object_prev = cold.object_prev;
      table.Free(number, object->calls);
      --unfreed_handles_;
      batch[count++] = {object, --object->unfreed == 0 && object->handles == 0};
    }
    if (count == 0) break;
    progress = true;
    lock.unlock();
    for (const Freed& freed : std::span(batch).first(count)) {
      if (freed.was_last) freed.object->HandlesGone();
      freed.object->DropReference();
    }
    lock.lock();
  }
  return progress;
}

bool Registry::ReleaseDrained(std::unique_lock<std::mutex>& lock, std::uint64_t mark) {
  Callback* ready = nullptr;
  for (Callback** link = &draining_; *link != nullptr;) {
    Callback& callback = **link;
    const bool in_use = callback.scan_mark.load(std::memory_order_relaxed) >= mark ||
                        callback.pins != 0 || callback.async_calls != 0 ||
                        callback.async_starts != 0;
    if (!callback.fenced || (in_use && !kFaultReleaseEarly)) {
      link = &callback.owner_next;
      continue;
    }
    *link = callback.owner_next;
    callback.owner_next = std::exchange(ready, &callback);
  }
  const bool progress = ready != nullptr;
  while (ready != nullptr) {
    const auto callback = Ref<Callback>::Adopt(std::exchange(ready, ready->owner_next));
    lock.unlock();
    RunUserCode(callback->context);
    if (options_.on_released) options_.on_released(*callback);
    lock.lock();
    callback->state = State::kReleased;
    --unreleased_callbacks_;
    std::vector<OwnedContext> notices = std::move(callback->drain_notices);
    progress_.notify_all();
    lock.unlock();
    RunAll(notices);
    lock.lock();
  }
  return progress;
}

}  // namespace belay::registry
