// What a thread shows to the rest of the process about the calls it is in.
//
// Each thread that calls has a ThreadRecord. Before it uses what a slot holds it writes the handle into
// one of its hazards; while the handle stands there, nobody frees the slot, the object behind it, or the
// callback's context. Records are never freed, only passed on to later threads.
//
// Invariants
//   - hazards[0..depth) are the calls this thread is in, outermost first; hazards[kMaxDepth..] are the
//     transient pins of the library's own operations, under which no user code runs.
//   - A scanner reads hazards up to `high_water` and the transient ones; `high_water` is raised, with
//     sequentially consistent order, before a hazard beyond it is used.
//   - Only the owning thread writes the record, but for `in_use`, which hands it over.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "broker/registry/handle.h"

namespace belay::registry {

struct Slot;

inline constexpr std::uint32_t kMaxDepth = 64;
inline constexpr std::uint32_t kTransientPins = 4;

// Calls a thread made through one handle and has not yet added to the handle's total. Counting here and
// not in the slot is what lets several threads call one handle without sharing a written cache line.
struct CallCount {
  std::atomic<Handle> handle{0};
  std::atomic<std::uint64_t> calls{0};
};
inline constexpr std::uint32_t kCallCounts = 64;

struct alignas(64) ThreadRecord {
  // The first cache line: what a call reads.
  Slot* slots = nullptr;
  std::uint32_t depth = 0;  // read and written by the owning thread alone
  std::uint32_t fast_depth =
      0;                  // calls at this depth or deeper take the slow path, which raises it
  bool portable = false;  // use sequentially consistent hazards (see fence.h)
  std::uint32_t transient_depth = 0;
  std::atomic<std::uint32_t> high_water{0};
  std::atomic<bool> in_use{true};
  std::atomic<pid_t> thread_id{0};
  std::atomic<ThreadRecord*> next{nullptr};

  std::array<std::atomic<Handle>, kMaxDepth + kTransientPins> hazards{};
  std::array<CallCount, kCallCounts> counts{};
};

// The calling thread's record, or null before its first slow call. Initial-exec TLS: one load.
extern thread_local constinit ThreadRecord* tls_record __attribute__((tls_model("initial-exec")));

}  // namespace belay::registry
