// How often a thread called which handle, before that is added to the callbacks' totals.
//
// Counting in the thread and not in the slot is what lets several threads call one handle without writing a
// shared cache line, and yet exactly. The innermost step is in CallCell (thread_record.h): calls in a
// row through one handle only advance the cell's sequence. This is the next one: a table with one place
// for each handle, and a list of what was pushed out of it by others. A thread that calls the same few
// handles stays in the table; one that calls a million fills the list, and has it added up 64 at a time.
//
// Thread safety: Add(), ForEachListed(), ListAll() and ClearList() are the owning thread's; Find() is any thread's. That it
// does not meet half a change is ThreadRecord::moves' work, for which changes are release stores and
// looks acquire loads.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "broker/registry/handle.h"

namespace belay::registry {

class CallCounts {
 public:
  static constexpr std::uint32_t kEntries = 64;
  static constexpr std::uint32_t kListed = 64;

  // True if the next Add() may find no room in the list.
  bool full() const noexcept { return listed_.load(std::memory_order_relaxed) == kListed; }

  // REQUIRES: !full()
  void Add(Handle handle, std::uint64_t calls) noexcept {
    Entry& entry = table_[SlotOf(handle) % kEntries];
    const Handle found = entry.handle.load(std::memory_order_relaxed);
    // Not atomic increments: this thread is the only writer.
    const std::uint64_t before = entry.calls.load(std::memory_order_relaxed);
    if (found == handle) {
      entry.calls.store(before + calls, std::memory_order_release);
      return;
    }
    if (found != 0) {
      const std::uint32_t last = listed_.load(std::memory_order_relaxed);
      Put(list_[last], found, before);
      listed_.store(last + 1, std::memory_order_release);
    }
    Put(entry, handle, calls);
  }

  std::uint64_t Find(Handle handle) const noexcept {
    std::uint64_t calls = CallsOf(table_[SlotOf(handle) % kEntries], handle);
    const std::uint32_t listed = listed_.load(std::memory_order_acquire);
    for (std::uint32_t i = 0; i < listed; ++i) calls += CallsOf(list_[i], handle);
    return calls;
  }

  // Calls fn(handle, calls) for each entry of the list.
  template <typename Fn>
  void ForEachListed(Fn fn) const {
    const std::uint32_t listed = listed_.load(std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < listed; ++i)
      fn(list_[i].handle.load(std::memory_order_relaxed),
         list_[i].calls.load(std::memory_order_relaxed));
  }
  void ClearList() noexcept { listed_.store(0, std::memory_order_release); }
  // Moves the table to the list. REQUIRES: the list is empty.
  void ListAll() noexcept {
    std::uint32_t listed = 0;
    for (Entry& entry : table_) {
      const Handle handle = entry.handle.load(std::memory_order_relaxed);
      if (handle == 0) continue;
      Put(list_[listed++], handle, entry.calls.load(std::memory_order_relaxed));
      entry.handle.store(0, std::memory_order_release);
    }
    listed_.store(listed, std::memory_order_release);
  }

 private:
  struct Entry {
    std::atomic<Handle> handle{0};
    std::atomic<std::uint64_t> calls{0};
  };
  static void Put(Entry& entry, Handle handle, std::uint64_t calls) noexcept {
    entry.handle.store(handle, std::memory_order_release);
    entry.calls.store(calls, std::memory_order_release);
  }
  static std::uint64_t CallsOf(const Entry& entry, Handle handle) noexcept {
    return entry.handle.load(std::memory_order_acquire) == handle
               ? entry.calls.load(std::memory_order_acquire)
               : 0;
  }

  static_assert(kListed >= kEntries);

  std::array<Entry, kEntries> table_;
  std::array<Entry, kListed> list_;
  std::atomic<std::uint32_t> listed_{0};
};

}  // namespace belay::registry
