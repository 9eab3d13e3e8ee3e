// The stream of what happens to handles: who registered, retained, released, revoked what, and when
// (R15).
//
// One bounded ring per registry. The registry appends, under its own mutex, for every registration
// and release; readers follow it at their own pace, and one that is too slow sees that it missed
// something, because sequences are dense: the first event it gets is not the one it asked for.
//
// Invariants
//   - The n-th event appended has sequence n, from 1 on. The last `capacity` of them can be read.
//   - An event is read as it was appended, or not at all: never half of one and half of its
//     successor.
//   - Append() allocates nothing, and takes no lock unless somebody waits for news.
//
// Memory order. What is read is whole: record_slot.h.
//
// Who waits says so in `is_awaited_` and then looks at `last_`; the writer writes `last_` and then
// looks at `is_awaited_`. Between the two the waiter has a heavy fence and the writer a light one
// (fence.h), so one of the two sees the other: the waiter does not fall asleep, or the writer wakes
// it. With portable fences the writer's store is sequentially consistent, as are the waiter's two.
//
// Thread safety: Append() is serialized by its caller (the registry's mutex); everything else may
// be called from any thread. `wait_mutex_` is a leaf.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>

#include "broker/registry/fence.h"
#include "broker/registry/handle.h"
#include "broker/registry/record_slot.h"

namespace belay::registry {

// Numbers are part of the C ABI and the wire; never reused.
enum class EventType : std::uint8_t {
  kRegistered = 1,
  kRetained = 2,
  kReleased = 3,
  kUnregistered = 4,
  kRevoked = 5,
  kDrained = 6,  // the release function has run
  kQuarantined = 7,
  kRestored = 8,
  kSuspended = 9,
  kResumed = 10,
  kTransferred = 11,
  kOwnerOpened = 12,
  kOwnerClosed = 13,
  kLeaked = 14,
};

// "registered", ...; "unknown" for a number without a name.
std::string_view EventTypeName(EventType type) noexcept;

struct HandleEvent {
  std::uint64_t sequence = 0;  // Append() sets it
  Handle handle = 0;
  std::int64_t unix_ns = 0;
  std::uint32_t tag_id = 0;    // of Texts: what the object is called
  std::uint32_t owner_id = 0;  // of Texts: the owner on whose behalf it happened
  std::uint32_t thread_id = 0;
  EventType type = EventType::kRegistered;

  bool operator==(const HandleEvent&) const = default;
};

class EventRing {
 public:
  // All memory is allocated here. REQUIRES: capacity > 0.
  explicit EventRing(std::size_t capacity, FenceMode fence_mode = FenceMode::kPortable);
  EventRing(const EventRing&) = delete;
  EventRing& operator=(const EventRing&) = delete;

  // Returns the event's sequence. REQUIRES: no other thread is in Append().
  std::uint64_t Append(const HandleEvent& event) noexcept;

  struct Page {
    std::size_t count = 0;         // how many of `out` were filled, with consecutive sequences
    std::uint64_t first_kept = 1;  // the oldest event still there, or the next one if there is none
    std::uint64_t next = 1;        // what to ask for next
  };
  // Copies events from `from_sequence` on, or from the oldest still there if that one is gone: then
  // out[0].sequence - from_sequence were missed. Never blocks.
  Page Read(std::uint64_t from_sequence, std::span<HandleEvent> out) const noexcept;

  // True once the event of that sequence has been appended; false after `timeout_ns`, or
  // EndWaits(). May block.
  bool Wait(std::uint64_t sequence, std::int64_t timeout_ns);
  // From now on nobody waits: for the end of the registry.
  void EndWaits();

  // Sequence of the newest event; 0 before the first.
  std::uint64_t last() const noexcept { return last_.load(std::memory_order_acquire); }
  std::size_t capacity() const noexcept { return capacity_; }

 private:
  // False if the slot no longer holds that event.
  bool ReadSlot(std::uint64_t sequence, HandleEvent* event) const noexcept;
  std::uint64_t FirstKept(std::uint64_t last) const noexcept {
    return last > capacity_ ? last - capacity_ + 1 : 1;
  }
  void WakeWaiters() noexcept;

  const std::size_t capacity_;
  const FenceMode fence_mode_;
  const std::unique_ptr<RecordSlot[]> slots_;
  std::size_t next_slot_ = 0;  // the writer's alone
  std::atomic<std::uint64_t> last_{0};

  std::atomic<bool> is_awaited_{false};
  std::mutex wait_mutex_;
  std::condition_variable news_;
  bool waits_ended_ = false;  // guarded by wait_mutex_
};

}  // namespace belay::registry
