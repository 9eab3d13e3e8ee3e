// How the most recently dead handles ended: so that STALE can say "released by X 3 s ago" (R15).
//
// A ring of the last N endings, with a chain through those of them whose handles fall into one bucket. A handle
// dies once and its number is never reused (R1), so what is found is about the handle asked for and no
// other; what is not found died too long ago, or never lived.
//
// Invariants
//   - The last `capacity` handles inserted are found; older ones are not.
//   - Insert() is O(1), allocates nothing and takes no lock: it is a part of every release.
//   - Find() is O(1) on average: a program that keeps using a dead handle is not slowed down by being told.
//   - A chain goes from newer to older. A reader that is overtaken by the writer finds that a place holds another
//     record than the chain said, and ends there: what it looked for is being forgotten.
//
// Memory order: records are whole (record_slot.h). Of a new one the record is written first, then its link, then
// the bucket, each with release. A reader acquires bucket or link, and the next link before the record: if that
// link is already another record's, the reader finds that record, too, and ends there.
//
// Thread safety: Insert() is serialized by its caller (the registry's mutex); Find() may be called from
// any thread.
#pragma once

#include <atomic>
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
  std::atomic<std::uint64_t>& BucketOf(Handle handle) const noexcept;

  const std::size_t capacity_;
  // A record's place is its sequence modulo the capacity, as is that of its link: the sequence of the next older
  // one in its bucket. 0 is none.
  const std::unique_ptr<RecordSlot[]> ring_;
  const std::unique_ptr<std::atomic<std::uint64_t>[]> older_;
  const std::unique_ptr<std::atomic<std::uint64_t>[]> newest_;  // of each bucket
  std::uint64_t sequence_ = 0;                                  // the writer's alone
};

}  // namespace belay::registry
