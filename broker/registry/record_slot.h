// One place of a ring of records: written by one thread at a time, read by any, without a lock.
//
// Invariant: a record is read as it was written, or not at all: never half of one and half of its successor.
//
// Memory order: a sequence lock whose data are atomic. The writer invalidates the sequence, writes the fields
// and then the sequence, each store a release; a reader loads the sequence, the fields, each an
// acquire, and the sequence again. A reader that got a field of a later record synchronized with its
// store, which came after the invalidation, so its second look at the sequence differs. On x86 all of
// these are plain moves.
//
// Thread safety: calls of Write() must be serialized; Read() may be called from any thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "broker/registry/handle.h"

namespace belay::registry {

// What happened to a handle; the ring that keeps it knows what the numbers mean.
struct Record {
  Handle handle = 0;
  std::int64_t time_ns = 0;
  std::uint32_t tag_id = 0;
  std::uint32_t owner_id = 0;
  std::uint32_t thread_id = 0;
  std::uint32_t what = 0;
};

class RecordSlot {
 public:
  // REQUIRES: sequence > 0, and differs from those before it.
  void Write(std::uint64_t sequence, const Record& record) noexcept {
    sequence_.store(0, std::memory_order_relaxed);
    handle_.store(record.handle, std::memory_order_release);
    time_ns_.store(record.time_ns, std::memory_order_release);
    tag_and_owner_.store(Pack(record.tag_id, record.owner_id), std::memory_order_release);
    thread_and_what_.store(Pack(record.thread_id, record.what), std::memory_order_release);
    sequence_.store(sequence, std::memory_order_release);
  }
  // False if the slot does not hold the record of that sequence, or no longer.
  bool Read(std::uint64_t sequence, Record* record) const noexcept {
    if (sequence_.load(std::memory_order_acquire) != sequence) return false;
    record->handle = handle_.load(std::memory_order_acquire);
    record->time_ns = time_ns_.load(std::memory_order_acquire);
    const std::uint64_t tag_and_owner = tag_and_owner_.load(std::memory_order_acquire);
    const std::uint64_t thread_and_what = thread_and_what_.load(std::memory_order_acquire);
    record->tag_id = High(tag_and_owner);
    record->owner_id = Low(tag_and_owner);
    record->thread_id = High(thread_and_what);
    record->what = Low(thread_and_what);
    return sequence_.load(std::memory_order_relaxed) == sequence;
  }

 private:
  static constexpr std::uint64_t Pack(std::uint32_t high, std::uint32_t low) noexcept {
    return std::uint64_t{high} << 32U | low;
  }
  static constexpr std::uint32_t High(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word >> 32U);
  }
  static constexpr std::uint32_t Low(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word);
  }

  std::atomic<std::uint64_t> sequence_{0};  // 0: nothing yet, or being written
  std::atomic<Handle> handle_{0};
  std::atomic<std::int64_t> time_ns_{0};
  std::atomic<std::uint64_t> tag_and_owner_{0};
  std::atomic<std::uint64_t> thread_and_what_{0};
};

}  // namespace belay::registry
