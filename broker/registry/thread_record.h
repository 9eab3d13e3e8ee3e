// What a thread shows to the rest of the process about the calls it is in.
//
// Each thread that calls has a ThreadRecord. Before it uses what a slot holds it writes the handle into
// a hazard of its own; while the handle stands there, nobody frees the slot, the object behind it, or the
// callback's context. Records are never freed, only passed on to later threads.
//
// Invariants
//   - cells[0..top) are the calls this thread is in, outermost first. `transients` are the pins of the
//     library's own operations, under which no user code runs.
//   - A scanner reads the hazards of cells up to `high_water`, and the transients. `high_water` is raised,
//     with sequentially consistent order, before a cell beyond it is used.
//   - A cell's sequence grows by one with each call at its depth and never goes back: record, depth and
//     sequence name a call. So a call that has not ended is found by looking twice, without a clock
//     on the way of every call.
//   - Only the owning thread writes the record, but for `in_use`, which hands it over.
//
// Exact counts. A cell counts the calls through `counted` as sequence - counted_from. When another handle
// comes, the difference moves to `counts`. A reader that saw half of such a move would count calls
// twice or not at all, so `moves` is odd while one is under way, and readers look again.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "broker/registry/call_counts.h"
#include "broker/registry/call_slot.h"
#include "broker/registry/handle.h"

namespace belay::registry {

struct Slot;

// How deep calls may nest on one thread (R9).
inline constexpr std::uint32_t kMaxDepth = 64;
inline constexpr std::uint32_t kTransientPins = 4;

struct CallCell {
  std::atomic<Handle> hazard{0};
  std::atomic<Handle> counted{0};
  std::atomic<std::uint64_t> sequence{0};
  std::atomic<std::uint64_t> counted_from{0};
};

struct alignas(64) ThreadRecord {
  constexpr ThreadRecord() noexcept { top = fast_end = cells.data(); }

  // The first cache line: what a call reads.
  Slot* slots = nullptr;
  CallCell* top = nullptr;       // the next call's
  CallCell* fast_end = nullptr;  // calls from here on take the slow path, which raises it
  bool portable = false;         // use sequentially consistent hazards (see fence.h)
  std::uint32_t transient_depth = 0;
  std::atomic<std::uint32_t> high_water{0};
  std::atomic<bool> in_use{true};
  std::atomic<pid_t> thread_id{0};
  std::uint32_t number = 0;  // of the record, from 1
  std::atomic<ThreadRecord*> next{nullptr};
  std::atomic<std::uint64_t> moves{0};

  std::array<std::atomic<Handle>, kTransientPins> transients{};
  std::array<CallCell, kMaxDepth + 1>
      cells{};  // the last is `top` when the thread is as deep as may be
  CallCounts counts;
  CallSlotCache call_slots;

  std::uint32_t depth() const noexcept { return static_cast<std::uint32_t>(top - cells.data()); }
  // Moves what `cell` has counted to the log; from now on it counts calls through `other`. REQUIRES: the log is
  // not full: see HandleTable::MoveCount.
  //
  // The writer's side of the sequence lock: odd before the first change, even after the last. Every change is
  // a release store, so that whoever reads it finds `moves` changed, too.
  [[gnu::always_inline]] void LogCount(CallCell& cell, Handle other) noexcept {
    const std::uint64_t sequence = cell.sequence.load(std::memory_order_relaxed);
    const std::uint64_t calls = sequence - cell.counted_from.load(std::memory_order_relaxed);
    const std::uint64_t before = moves.load(std::memory_order_relaxed);
    moves.store(before + 1, std::memory_order_relaxed);
    if (calls != 0) counts.Log(cell.counted.load(std::memory_order_relaxed), calls);
    cell.counted.store(other, std::memory_order_release);
    cell.counted_from.store(sequence, std::memory_order_release);
    moves.store(before + 2, std::memory_order_release);
  }
  // Calls through `handle` that are not in its object's total yet. Any thread.
  std::uint64_t CountOf(Handle handle) const noexcept;

 private:
  // As CountOf, but false, and any number, if the thread moved a count meanwhile.
  bool TryCountOf(Handle handle, std::uint64_t* calls) const noexcept;
};

// The calling thread's record, or null before its first slow call. Initial-exec TLS: one load.
extern thread_local constinit ThreadRecord* tls_record __attribute__((tls_model("initial-exec")));

}  // namespace belay::registry
