// How often a thread called which handle, before that is added to the callbacks' totals.
//
// Counting in the thread and not in the slot is what lets several threads call one handle without writing a
// shared cache line, and yet exactly. The innermost step is in CallCell (thread_record.h): calls in a row
// through one handle only advance the cell's sequence. When another handle comes, what was counted goes
//   - to a log, in order: a few stores, for a call through a slot that is far away has no instruction to spare;
//   - when that is full, to a table with one place for each handle;
//   - pushed out of that by others, to a list, which is added to the totals as a whole.
// A thread that calls the same few handles stays in the table; one that calls a million fills the list.
//
// Thread safety: Find() is any thread's, everything else the owning thread's. That Find() does not meet half a
// change is ThreadRecord::moves' work, for which changes are release stores and looks acquire loads.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "broker/registry/handle.h"

namespace belay::registry {

class CallCounts {
 public:
  static constexpr std::uint32_t kEntries = 64;

  bool log_full() const noexcept { return log_.size.load(std::memory_order_relaxed) == kEntries; }
  // REQUIRES: !log_full()
  [[gnu::always_inline]] void Log(Handle handle, std::uint64_t calls) noexcept {
    log_.Append(handle, calls);
  }
  // Moves the log to the table, and what that pushes out to the list. REQUIRES: the list is empty.
  void MergeLog() noexcept {
    log_.ForEach([this](Handle handle, std::uint64_t calls) { AddToTable(handle, calls); });
    log_.Clear();
  }

  std::uint64_t Find(Handle handle) const noexcept {
    return CallsOf(table_[SlotOf(handle) % kEntries], handle) + log_.Find(handle) +
           list_.Find(handle);
  }

  bool has_list() const noexcept { return list_.size.load(std::memory_order_relaxed) != 0; }
  // Calls fn(handle, calls) for each entry of the list.
  template <typename Fn>
  void ForEachListed(Fn fn) const {
    list_.ForEach(fn);
  }
  void ClearList() noexcept { list_.Clear(); }
  // Moves the table to the list. REQUIRES: the list is empty.
  void ListAll() noexcept {
    for (Entry& entry : table_) {
      const Handle handle = entry.handle.load(std::memory_order_relaxed);
      if (handle != 0) list_.Append(handle, entry.calls.load(std::memory_order_relaxed));
      entry.handle.store(0, std::memory_order_release);
    }
  }

 private:
  struct Entry {
    std::atomic<Handle> handle{0};
    std::atomic<std::uint64_t> calls{0};

    void Put(Handle new_handle, std::uint64_t new_calls) noexcept {
      handle.store(new_handle, std::memory_order_release);
      calls.store(new_calls, std::memory_order_release);
    }
  };
  static std::uint64_t CallsOf(const Entry& entry, Handle handle) noexcept {
    return entry.handle.load(std::memory_order_acquire) == handle
               ? entry.calls.load(std::memory_order_acquire)
               : 0;
  }

  struct Sequence {
    void Append(Handle handle, std::uint64_t calls) noexcept {
      const std::uint32_t last = size.load(std::memory_order_relaxed);
      entries[last].Put(handle, calls);
      size.store(last + 1, std::memory_order_release);
    }
    template <typename Fn>
    void ForEach(Fn fn) const {
      for (std::uint32_t i = 0; i < size.load(std::memory_order_relaxed); ++i)
        fn(entries[i].handle.load(std::memory_order_relaxed),
           entries[i].calls.load(std::memory_order_relaxed));
    }
    std::uint64_t Find(Handle handle) const noexcept {
      std::uint64_t calls = 0;
      const std::uint32_t last = size.load(std::memory_order_acquire);
      for (std::uint32_t i = 0; i < last; ++i) calls += CallsOf(entries[i], handle);
      return calls;
    }
    void Clear() noexcept { size.store(0, std::memory_order_release); }

    std::atomic<std::uint32_t> size{0};
    std::array<Entry, kEntries> entries;
  };

  void AddToTable(Handle handle, std::uint64_t calls) noexcept {
    Entry& entry = table_[SlotOf(handle) % kEntries];
    const Handle found = entry.handle.load(std::memory_order_relaxed);
    // Not atomic increments: this thread is the only writer.
    const std::uint64_t before = entry.calls.load(std::memory_order_relaxed);
    if (found == handle) {
      entry.calls.store(before + calls, std::memory_order_release);
      return;
    }
    if (found != 0) list_.Append(found, before);
    entry.Put(handle, calls);
  }

  Sequence log_;
  Sequence list_;
  std::array<Entry, kEntries> table_;
};

}  // namespace belay::registry
