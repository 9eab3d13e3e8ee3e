// How the most recently dead handles ended: so that STALE can say "released by X 3 s ago" (R15).
//
// A ring of the last N endings. A handle dies once and its number is never reused (R1), so what is
// found is about the handle asked for and no other; what is not found died too long ago, or never
// lived.
//
// Invariants
//   - The last `capacity` handles inserted are found; older ones are not.
//   - Insert() is O(1), allocates nothing and takes no lock: it is a part of every release.
//
// Thread safety: Insert() is serialized by its caller (the registry's mutex); Find() may be called from
// any thread. It scans the whole ring: it is only asked after an error, and the scan of 4,096 handles is a
// few microseconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "broker/registry/handle.h"
#include "broker/registry/owner.h"
#include "broker/registry/record_slot.h"

namespace belay::registry {

enum class Ending : std::uint8_t {
  kReleased = 1,
  kOwnerClosed = 2,
  kBrokerClosed = 3,
  kClosed = 4,  // the handle of an owner, or of the broker itself
};

// What happened to the handle, to stand before the name of an owner: "released by", ...
std::string_view EndingText(Ending ending) noexcept;

struct Tombstone {
  Handle handle = 0;
  std::int64_t ended_ns = 0;   // on the registry's clock
  std::uint32_t tag_id = 0;    // of Texts: what the object was called
  std::uint32_t owner_id = 0;  // of Texts: who held the handle
  std::uint32_t thread_id = 0;
  Ending ending = Ending::kReleased;
  MisusePolicy misuse = MisusePolicy::kReturn;  // of who held it: what its further use is to cause

  bool operator==(const Tombstone&) const = default;
};

class Tombstones {
 public:
  // All memory is allocated here. REQUIRES: capacity > 0.
  explicit Tombstones(std::size_t capacity);

  // REQUIRES: no other thread is in Insert().
  void Insert(const Tombstone& tombstone) noexcept;
  std::optional<Tombstone> Find(Handle handle) const noexcept;

 private:
  const std::size_t capacity_;
  const std::unique_ptr<RecordSlot[]> ring_;
  // The writer's alone.
  std::size_t next_ = 0;
  std::uint64_t sequence_ = 0;
};

}  // namespace belay::registry
