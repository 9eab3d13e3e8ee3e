// The process-wide table that maps handles to objects, for every kind (R1): the library's only global state.
//
// The life of a slot (slot.h): free -> Allocate -> live (fast, slow or gated) -> Retire (nobody can pin it
// any more; those who have are seen in their hazards) -> Free once a scan that began after a heavy
// fence found no hazard on it.
//
// Invariants
//   - Between Retire and Free the hot half keeps its other fields: a call that read the key just before
//     may still read them, and its hazard keeps Free away.
//   - A hazard on a handle keeps the slot from being freed, and with it the reference that the slot holds
//     on its object.
//
// Memory order. The caller stores its hazard (release), LightFence, loads `key` (acquire). The acquire
// pairs with the release store of `key` in Allocate, so the caller sees `function` and `context`. When
// the call is over it clears the hazard with a release store, which pairs with the acquire load of the
// scanner: what the callback did happens before its release function. The scanner may also find the
// hazard of the thread's next call there; since C++20 a later store does not carry on what an earlier
// one released, so setting a hazard is a release store too. That a scanner cannot miss the
// hazard of a call that read the old key is the heavy fence's work: see fence.h.
//
// Thread safety: every method may be called from any thread. `mutex_` guards the free list, the cold halves
// of free slots, and the collecting of call counts. It is a leaf but for the arena's mutex, and no user
// code runs under it.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>

#include "broker/base/status.h"
#include "broker/registry/fence.h"
#include "broker/registry/graveyard.h"
#include "broker/registry/handle.h"
#include "broker/registry/hazard_scan.h"
#include "broker/registry/object_arena.h"
#include "broker/registry/slot.h"
#include "broker/registry/thread_record.h"

namespace belay::registry {

class Object;

class HandleTable {
 public:
  // How many handles a process can have open; the first four slots are never used (slot.h).
  static constexpr std::uint32_t kSlots = 1U << 22U;
  static constexpr std::uint32_t kFirstSlot = 4;

  // The table, made on first use and never destroyed: threads may outlive static objects.
  static HandleTable& Get() {
    // acquire: whoever sees the table sees what it was made of.
    HandleTable* const table = instance_.load(std::memory_order_acquire);
    return table != nullptr ? *table : Make();
  }

  // True in the child of a fork: the table is dead there, and nothing may be locked (R13).
  static bool Forked() noexcept { return forked_.load(std::memory_order_relaxed); }
  // What every call says then.
  static base::Status ForkedStatus();

  // Takes free slots out of the table, as many as `slots` has room for, so that a registry need not come for
  // each. Returns how many: none if all are taken (Exhausted() says so) or there is no memory.
  std::size_t Take(std::span<std::uint32_t> slots) noexcept;
  // Puts back slots that were taken and not used.
  void PutBack(std::span<const std::uint32_t> slots) noexcept;
  static base::Status Exhausted();
  // Makes a taken slot live, and adds a reference to `object`. `function` and `context` are read by fast calls
  // only.
  Handle Publish(std::uint32_t slot, Object& object, NativeFunction function, void* context,
                 Form form, std::uint32_t created_ticks) noexcept;
  // Sets the form of a live slot; kRetired ends it: from now on no call can pin it. Calls that did are in
  // the hazards after HeavyFence(). REQUIRES: the mutex of the slot's registry is held.
  void SetForm(std::uint32_t slot, Form form);
  Form form(std::uint32_t slot) const noexcept {
    return FormOf(slots_[slot].key.load(std::memory_order_relaxed), slot);
  }
  // True if the handle has not been released. REQUIRES: it was live once; the mutex of its registry is held,
  // for the answer to last.
  bool IsLive(Handle handle) const noexcept {
    return IsLiveFormOf(slots_[SlotOf(handle)].key.load(std::memory_order_relaxed), handle);
  }
  // Gives retired slots back. The caller has seen no hazard on them and takes over their references.
  // Adds the calls that threads counted for them to their callbacks' totals.
  void Free(std::span<const std::uint32_t> slots);

  Slot& slot(std::uint32_t number) noexcept { return slots_[number]; }
  ColdSlot& cold(std::uint32_t number) noexcept {
    return cold_[number >> kChunkBits][number & (kChunkSlots - 1)];
  }
  // The handle that leads to the slot, or last did.
  Handle handle_of(std::uint32_t number) const noexcept {
    return HandleOf(slots_[number].key.load(std::memory_order_relaxed), number);
  }
  ObjectArena& objects() noexcept { return objects_; }
  // What is remembered of dead handles.
  Graveyards& graveyards() noexcept { return graveyards_; }
  // REQUIRES: the slot is pinned, or its registry's mutex is held and it is not free.
  Object& object_of(std::uint32_t number) noexcept {
    return *objects_.Get(slots_[number].object.load(std::memory_order_relaxed));
  }
  // Slots ever used are below this.
  std::uint32_t limit() const noexcept { return limit_.load(std::memory_order_acquire); }

  // Why `handle` finds no live object: MALFORMED or STALE.
  base::Status Explain(Handle handle);

  FenceMode fence_mode() const noexcept { return fence_mode_; }

  // What threads have hazards on. Call after HeavyFence(): then whatever was retired before it and is
  // not in `scan` is not in use.
  void Scan(HazardScan& scan);
  // How many hazards of calls, not of transient pins, refer to the object: a moment's view.
  std::uint64_t CountCalls(std::uint32_t object);
  // Calls made through `slot` and still counted with the threads.
  std::uint64_t UncollectedCalls(std::uint32_t slot) noexcept;
  // Calls fn(slot, object) for slots of [from, to) that are not free, under the table's mutex.
  void ForEach(std::uint32_t from, std::uint32_t to,
               const std::function<void(std::uint32_t, Object&)>& fn);
  // Calls fn(record, depth, handle) for each call that some thread is in: a moment's view. fn may ask for
  // nothing but what the arguments say.
  void ForEachCall(
      const std::function<void(const ThreadRecord&, std::uint32_t depth, Handle handle)>& fn);

  // The calling thread's record, made on first use; null if there is no memory for it.
  ThreadRecord* Thread() noexcept;
  // Moves what `cell` has counted to the thread's table; from now on it counts calls through `next`.
  void MoveCount(ThreadRecord& record, CallCell& cell, Handle next) noexcept;
  // Makes room in the thread's log.
  void MergeCounts(ThreadRecord& record) noexcept;
  // For a thread that has no memory for a record of its own: held while it uses spare_record().
  std::recursive_mutex& spare_mutex() noexcept { return spare_mutex_; }
  ThreadRecord& spare_record() noexcept { return *spare_record_; }

  // An event for reapers: Poke() after anything that could let a retirement proceed.
  std::uint64_t epoch();
  void Poke();
  void PokeIfAwaited() {
    if (waiting_reapers.load(std::memory_order_seq_cst) != no_waiters_) Poke();
  }
  // Returns when the epoch is no longer `seen`, or (false) after `timeout_ns`; kForEver waits without end.
  static constexpr std::int64_t kForEver = -1;
  bool WaitForPoke(std::uint64_t seen, std::int64_t timeout_ns);

  // Reapers that wait for a hazard to go: whoever clears a hazard off the fast path pokes if there are any.
  // Sequentially consistent: see pin.h.
  // Counted from no_waiters_ on: in portable mode that is 1, so that every call takes the way on which it asks
  // in sequentially consistent order. Static, for it is the one thing of the table that every call asks for.
  static constinit std::atomic<std::uint32_t> waiting_reapers;
  // Reapers that wait for a submitted call to end. Apart from the above, for such waits may be long.
  // Sequentially consistent: the end of a call counts itself down, then looks here; a reaper counts itself
  // up here, then looks at the calls.
  std::atomic<std::uint32_t> reapers_awaiting_calls{0};

 private:
  static constexpr unsigned kChunkBits = 10;
  static constexpr std::uint32_t kChunkSlots = 1U << kChunkBits;

  HandleTable();
  static HandleTable& Make();
  static void AfterForkInChild();
  static void OnThreadExit(void* record);
  // Adds what a thread's list holds to the callbacks' totals.
  void FlushCounts(ThreadRecord& record) noexcept;
  // REQUIRES for both: mutex_ held.
  void PushFree(std::uint32_t slot) noexcept;
  std::uint64_t SumCounts(std::uint32_t slot) const noexcept;
  // Calls fn(handle, is_call) for each hazard on a handle that is live or retired. REQUIRES: mutex_ held.
  template <typename Fn>
  void ForEachHazard(Fn fn);

  static constinit std::atomic<HandleTable*> instance_;
  static constinit std::atomic<bool> forked_;

  Slot* slots_;
  FenceMode fence_mode_;
  std::uint32_t no_waiters_ = 0;
  std::atomic<std::uint32_t> limit_{kFirstSlot};
  std::atomic<ThreadRecord*> records_{nullptr};
  std::atomic<std::uint32_t> record_count_{0};
  pthread_key_t exit_key_{};
  ObjectArena objects_;
  Graveyards graveyards_;
  ThreadRecord* spare_record_ = nullptr;
  std::recursive_mutex spare_mutex_;

  std::mutex mutex_;
  std::array<std::unique_ptr<ColdSlot[]>, kSlots / kChunkSlots> cold_;  // chunks stay once made
  std::uint32_t free_head_ = 0, free_tail_ = 0;  // oldest first: generations last long

  std::mutex event_mutex_;
  std::condition_variable event_;
  std::uint64_t epoch_ = 0;
};

}  // namespace belay::registry
