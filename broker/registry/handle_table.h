// The process-wide table that maps handles to objects, for every kind (R1): the library's only global state.
//
// A slot has a hot half, which calls read without a lock, and a cold half for everything else. The life
// of a slot: free -> Allocate -> live (`key` is the handle: callable without further checks; or its
// SlowKey) -> Retire (`key` 0: nobody can pin it any more; those who have are seen in their hazards) ->
// Free once a scan that began after a heavy fence found no hazard on it.
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
// Thread safety: every method may be called from any thread. `mutex_` guards the cold halves' `handle`,
// `generation` and links of the free list. It is a leaf: nothing else is locked
// and no user code runs under it.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "broker/base/status.h"
#include "broker/registry/fence.h"
#include "broker/registry/handle.h"
#include "broker/registry/thread_record.h"

// The C ABI's view of one call; only ever passed through here.
struct belay_call;

namespace belay::registry {

class Object;
class Owner;

// How a callback is called in-process; the C ABI's belay_callback_fn.
using NativeFunction = std::int32_t (*)(void* context, ::belay_call* call);

// The key of a live slot whose calls must take the slow path: no right to invoke, not inline, draining.
// It names the neighbouring slot, so no number that a caller may forge equals the key of the slot it leads to.
constexpr std::uint64_t SlowKey(Handle handle) noexcept { return handle ^ 1U; }

// How calls through a new handle begin.
enum class CallPath { kFast, kSlow };

// The hot half: 32 bytes, all that a call needs.
struct alignas(32) Slot {
  std::atomic<std::uint64_t> key{0};
  NativeFunction function = nullptr;
  void* context = nullptr;
  Object* object = nullptr;  // the slot holds one reference on it
};
static_assert(sizeof(Slot) == 32);

struct ColdSlot {
  // Guarded by HandleTable::mutex_.
  Handle handle = 0;  // while live or retired
  std::uint32_t generation = 0;
  std::uint32_t next_free = 0;
  std::atomic<std::uint64_t> scan_mark{0};  // see MarkHazards
  // Guarded by the mutex of the object's registry. Slots are linked by their numbers; 0 ends a list.
  std::uint32_t rights = 0;
  std::uint32_t next_retired = 0;
  std::uint32_t holder_prev = 0, holder_next = 0;  // handles of one holder
  std::uint32_t object_prev = 0, object_next = 0;  // handles of one object
  Owner* holder = nullptr;                         // null once retired
  std::int64_t created_unix_ns = 0;
  std::int64_t created_ns = 0;
};

class HandleTable {
 public:
  // How many handles a process can have open; slot 0 is never used.
  static constexpr std::uint32_t kSlots = 1U << 22U;

  // The table, made on first use and never destroyed: threads may outlive static objects.
  static HandleTable& Get();

  // True in the child of a fork: the table is dead there, and nothing may be locked (R13).
  static bool Forked() noexcept;
  // What every call says then.
  static base::Status ForkedStatus();

  // Takes a slot for `object`, adding a reference to it. `function` and `context` are read by fast calls
  // only. RESOURCE_EXHAUSTED when all slots are taken.
  base::Result<Handle> Allocate(Kind kind, Object* object, NativeFunction function, void* context,
                                CallPath path);
  // From now on no call can pin the slot. Calls that did are in the hazards after HeavyFence().
  void Retire(std::uint32_t slot);
  // Sends calls of a live slot down the slow path from now on; a retired one stays retired.
  void MarkSlow(std::uint32_t slot);
  // Gives a retired slot back. The caller has seen no hazard on it and takes over the slot's reference.
  // Adds the calls that threads counted for it to `*calls`.
  void Free(std::uint32_t slot, std::atomic<std::uint64_t>& calls);

  Slot& slot(std::uint32_t number) noexcept { return slots_[number]; }
  ColdSlot& cold(std::uint32_t number) noexcept {
    return cold_[number >> kChunkBits][number & (kChunkSlots - 1)];
  }
  // REQUIRES: the slot is live or retired, and its registry's mutex is held.
  Handle handle_of(std::uint32_t number) noexcept { return cold(number).handle; }
  // Slots ever used are below this.
  std::uint32_t limit() const noexcept { return limit_.load(std::memory_order_acquire); }

  // Why `handle` finds no live object: MALFORMED or STALE.
  base::Status Explain(Handle handle);

  FenceMode fence_mode() const noexcept { return fence_mode_; }

  // Writes a new, higher mark into every slot that some thread has a hazard on, and into every object
  // that some thread may be in a call of, and returns it. Call after HeavyFence(). What bears it, or a
  // still higher one of a later scan, may be in use. Transient pins do not mark the object: they do not
  // use its context unless it is LIVE under its registry's mutex, and a callback that many threads ask
  // about, or call in vain, must still be released.
  std::uint64_t MarkHazards();
  // How many hazards of calls, not of transient pins, refer to `object`: a moment's view.
  std::uint64_t CountCalls(const Object& object);
  // Calls made through `slot` and still counted with the threads.
  std::uint64_t UncollectedCalls(std::uint32_t slot);
  // Calls fn(slot, handle) for live and retired slots of [from, to), under the table's mutex.
  void ForEach(std::uint32_t from, std::uint32_t to,
               const std::function<void(std::uint32_t, Handle)>& fn);

  // The calling thread's record, made on first use.
  ThreadRecord& Thread();
  // Moves the thread's count entry for `handle`'s place over to `handle`.
  void ClaimCount(ThreadRecord& record, Handle handle);

  // An event for reapers: Poke() after anything that could let a retirement proceed.
  std::uint64_t epoch();
  void Poke();
  // Returns when the epoch is no longer `seen`.
  void WaitForPoke(std::uint64_t seen);

  // Reapers that wait for a hazard to go: whoever clears a hazard off the fast path pokes if there are any.
  // Sequentially consistent: see pin.h.
  std::atomic<std::uint32_t> waiting_reapers{0};

 private:
  static constexpr unsigned kChunkBits = 10;
  static constexpr std::uint32_t kChunkSlots = 1U << kChunkBits;

  HandleTable();
  static void AfterForkInChild();
  static void OnThreadExit(void* record);
  void FlushCount(CallCount& count);
  // REQUIRES: mutex_ held.
  std::uint64_t SumCounts(std::uint32_t slot);
  // Calls fn(slot, is_call) for each hazard on a live or retired handle. REQUIRES: mutex_ held.

  template <typename Fn>
  void ForEachHazard(Fn fn);

  Slot* slots_;
  FenceMode fence_mode_;
  std::atomic<std::uint32_t> limit_{1};
  std::atomic<ThreadRecord*> records_{nullptr};
  pthread_key_t exit_key_{};

  std::mutex mutex_;
  std::array<std::unique_ptr<ColdSlot[]>, kSlots / kChunkSlots> cold_;  // chunks stay once made
  std::uint32_t free_head_ = 0, free_tail_ = 0;  // oldest first: generations last long
  std::uint64_t scan_mark_ = 0;

  std::mutex event_mutex_;
  std::condition_variable event_;
  std::uint64_t epoch_ = 0;
};

}  // namespace belay::registry
