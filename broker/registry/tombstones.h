// How the most recently dead handles ended: so that STALE can say "released by X 3 s ago" (R15).
//
// A ring of the last N endings. A handle dies once and its number is never reused (R1), so what is
// found is about the handle asked for and no other; what is not found died too long ago, or never
// lived.
//
// Invariants
//   - The last `capacity` handles inserted are found; older ones are not.
//   - Insert() is O(1) and allocates nothing.
//
// Thread safety: every method may be called from any thread. `mutex_` is a leaf. Find() scans the
// whole ring under it: it is only asked after an error, and the scan of 4,096 handles is a
// microsecond or two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "broker/registry/handle.h"

namespace belay::registry {

enum class Ending : std::uint8_t {
  kReleased = 1,
  kUnregistered = 2,
  kRevoked = 3,
  kOwnerClosed = 4,
  kBrokerClosed = 5,
  kHostLost = 6,
  kTransferred = 7,
};

// What happened to the handle, to stand before "by": "released", "closed with its owner", ...
std::string_view EndingText(Ending ending) noexcept;

struct Tombstone {
  Handle handle = 0;
  std::int64_t ended_ns = 0;   // monotonic
  std::uint32_t tag_id = 0;    // interned text: what the object was called
  std::uint32_t owner_id = 0;  // interned text: the owner on whose behalf it was ended
  std::uint32_t thread_id = 0;
  Ending ending = Ending::kReleased;

  bool operator==(const Tombstone&) const = default;
};

class Tombstones {
 public:
  static constexpr std::size_t kDefaultCapacity = 4096;

  // All memory is allocated here. REQUIRES: capacity > 0.
  explicit Tombstones(std::size_t capacity = kDefaultCapacity);

  void Insert(const Tombstone& tombstone) noexcept;
  std::optional<Tombstone> Find(Handle handle) const noexcept;

 private:
  mutable std::mutex mutex_;
  std::vector<Tombstone> ring_;
  std::size_t next_ = 0;
};

}  // namespace belay::registry
