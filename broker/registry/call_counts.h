// How often a thread called which handle, before that is added to the callbacks' totals.
//
// Counting in the thread and not in the slot is what lets several threads call one handle without writing a
// shared cache line, and yet exactly. The innermost step is in CallCell (thread_record.h): calls in a
// row through one handle only advance the cell's sequence. This is the next one, a small hash table.
//
// Thread safety: Add(), Clear() and ForEach() are the owning thread's. Find() is any thread's; that it does not
// meet half a change is ThreadRecord::moves' work, for which changes are release stores and looks acquire loads.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "broker/registry/handle.h"

namespace belay::registry {

class CallCounts {
 public:
  // False if there is no room near the handle's place: flush and clear, then try again.
  bool Add(Handle handle, std::uint64_t calls) noexcept {
    for (std::uint32_t probe = 0; probe < kProbes; ++probe) {
      Entry& entry = entries_[(Place(handle) + probe) % kEntries];
      const Handle found = entry.handle.load(std::memory_order_relaxed);
      if (found != handle && found != 0) continue;
      // Not atomic increments: this thread is the only writer.
      entry.calls.store(entry.calls.load(std::memory_order_relaxed) + calls,
                        std::memory_order_release);
      entry.handle.store(handle, std::memory_order_release);
      return true;
    }
    return false;
  }

  std::uint64_t Find(Handle handle) const noexcept {
    for (std::uint32_t probe = 0; probe < kProbes; ++probe) {
      const Entry& entry = entries_[(Place(handle) + probe) % kEntries];
      if (entry.handle.load(std::memory_order_acquire) == handle)
        return entry.calls.load(std::memory_order_acquire);
    }
    return 0;
  }

  // Calls fn(handle, calls) for each entry.
  template <typename Fn>
  void ForEach(Fn fn) const {
    for (const Entry& entry : entries_) {
      const Handle handle = entry.handle.load(std::memory_order_relaxed);
      if (handle != 0) fn(handle, entry.calls.load(std::memory_order_relaxed));
    }
  }

  void Clear() noexcept {
    for (Entry& entry : entries_) {
      entry.handle.store(0, std::memory_order_release);
      entry.calls.store(0, std::memory_order_release);
    }
  }

  static constexpr std::uint32_t kEntries = 128;

 private:
  struct Entry {
    std::atomic<Handle> handle{0};
    std::atomic<std::uint64_t> calls{0};
  };
  static constexpr std::uint32_t kProbes = 4;
  static constexpr std::uint32_t Place(Handle handle) noexcept { return SlotOf(handle); }

  std::array<Entry, kEntries> entries_;
};

}  // namespace belay::registry
