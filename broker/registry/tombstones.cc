#include "broker/registry/tombstones.h"

#include <cassert>

namespace belay::registry {

std::string_view EndingText(Ending ending) noexcept {
  switch (ending) {
    case Ending::kReleased: return "released by";
    case Ending::kOwnerClosed: return "closed with its owner";
    case Ending::kBrokerClosed: return "closed with its broker, held by";
    case Ending::kClosed: return "closed, held by";
  }
  return "ended by";
}

Tombstones::Tombstones(std::size_t capacity)
    : capacity_(capacity),
      ring_(std::make_unique<RecordSlot[]>(capacity)),
      older_(std::make_unique<std::atomic<std::uint64_t>[]>(capacity)),
      newest_(std::make_unique<std::atomic<std::uint64_t>[]>(capacity)) {
  assert(capacity > 0);
}

// Slots and generations both count up by one: multiplying spreads them.
std::atomic<std::uint64_t>& Tombstones::BucketOf(Handle handle) const noexcept {
  return newest_[(handle * 0x9e37'79b9'7f4a'7c15U >> 32U) % capacity_];
}

void Tombstones::Insert(const Tombstone& tombstone) noexcept {
  const std::uint32_t what = static_cast<std::uint32_t>(tombstone.misuse) << 8U |
                             static_cast<std::uint32_t>(tombstone.ending);
  const std::uint64_t sequence = ++sequence_;
  std::atomic<std::uint64_t>& newest = BucketOf(tombstone.handle);
  ring_[sequence % capacity_].Write(
      sequence, {tombstone.handle, tombstone.ended_ns, tombstone.tag_id, tombstone.owner_id,
                 tombstone.thread_id, what});
  older_[sequence % capacity_].store(newest.load(std::memory_order_relaxed),
                                     std::memory_order_release);
  newest.store(sequence, std::memory_order_release);
}

std::optional<Tombstone> Tombstones::Find(Handle handle) const noexcept {
  std::uint64_t sequence = BucketOf(handle).load(std::memory_order_acquire);
  while (sequence != 0) {
    // First: a link that is the next record's shows that record, too, to the look that follows.
    const std::uint64_t older = older_[sequence % capacity_].load(std::memory_order_acquire);
    Record found;
    if (!ring_[sequence % capacity_].Read(sequence, &found)) return {};
    if (found.handle == handle) {
      return Tombstone{found.handle,
                       found.time_ns,
                       found.tag_id,
                       found.owner_id,
                       found.thread_id,
                       static_cast<Ending>(found.what & 0xffU),
                       static_cast<MisusePolicy>(found.what >> 8U)};
    }
    sequence = older;
  }
  return {};
}

}  // namespace belay::registry
