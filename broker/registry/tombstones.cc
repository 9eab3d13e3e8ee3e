#include "broker/registry/tombstones.h"

#include <cassert>
#include <span>

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
    : capacity_(capacity), ring_(std::make_unique<RecordSlot[]>(capacity)) {
  assert(capacity > 0);
}

void Tombstones::Insert(const Tombstone& tombstone) noexcept {
  const std::uint32_t what = static_cast<std::uint32_t>(tombstone.misuse) << 8U |
                             static_cast<std::uint32_t>(tombstone.ending);
  ring_[next_].Write(++sequence_, {tombstone.handle, tombstone.ended_ns, tombstone.tag_id,
                                   tombstone.owner_id, tombstone.thread_id, what});
  next_ = next_ + 1 == capacity_ ? 0 : next_ + 1;
}

std::optional<Tombstone> Tombstones::Find(Handle handle) const noexcept {
  if (handle == 0) return {};  // what a place bears that was never used
  for (const RecordSlot& slot : std::span(ring_.get(), capacity_)) {
    if (slot.handle() != handle) continue;
    const std::uint64_t sequence = slot.sequence();
    Record found;
    if (sequence == 0 || !slot.Read(sequence, &found) || found.handle != handle) continue;
    return Tombstone{found.handle,
                     found.time_ns,
                     found.tag_id,
                     found.owner_id,
                     found.thread_id,
                     static_cast<Ending>(found.what & 0xffU),
                     static_cast<MisusePolicy>(found.what >> 8U)};
  }
  return {};
}

}  // namespace belay::registry
