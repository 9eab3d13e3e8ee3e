#include "broker/registry/tombstones.h"

#include <algorithm>
#include <cassert>

namespace belay::registry {

std::string_view EndingText(Ending ending) noexcept {
  switch (ending) {
    case Ending::kReleased: return "released";
    case Ending::kUnregistered: return "unregistered";
    case Ending::kRevoked: return "revoked";
    case Ending::kOwnerClosed: return "closed with its owner";
    case Ending::kBrokerClosed: return "closed with its broker";
    case Ending::kHostLost: return "lost with the process that ran it";
    case Ending::kTransferred: return "transferred";
  }
  return "ended";
}

Tombstones::Tombstones(std::size_t capacity) : ring_(capacity) { assert(capacity > 0); }

void Tombstones::Insert(const Tombstone& tombstone) noexcept {
  const std::lock_guard lock(mutex_);
  ring_[next_] = tombstone;
  next_ = next_ + 1 == ring_.size() ? 0 : next_ + 1;
}

std::optional<Tombstone> Tombstones::Find(Handle handle) const noexcept {
  if (handle == 0) return {};  // what a place bears that was never used
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(ring_.begin(), ring_.end(), [handle](const Tombstone& stone) {
    return stone.handle == handle;
  });
  if (found == ring_.end()) return {};
  return *found;
}

}  // namespace belay::registry
