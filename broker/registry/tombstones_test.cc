// What is remembered of dead handles (R15).
#include "broker/registry/tombstones.h"

#include <gtest/gtest.h>

#include <thread>

namespace belay::registry {
namespace {

Tombstone Nth(std::uint32_t n) {
  Tombstone stone;
  stone.handle = MakeHandle(Kind::kCallback, n, 1 + n % 100);
  stone.ended_ns = 1000 + std::int64_t{n};
  stone.tag_id = n * 3;
  stone.owner_id = n * 5;
  stone.thread_id = n * 7;
  stone.ending = static_cast<Ending>(1 + n % 4);
  stone.misuse = static_cast<MisusePolicy>(n % 4);
  return stone;
}

TEST(TombstonesTest, R15_TheLastDeadAreRememberedAndNoOthers) {
  for (const std::uint32_t capacity : {1U, 2U, 10U}) {
    Tombstones stones(capacity);
    for (std::uint32_t newest = 1; newest <= 3 * capacity; ++newest) {
      stones.Insert(Nth(newest));
      for (std::uint32_t n = 1; n <= 3 * capacity; ++n) {
        const auto found = stones.Find(Nth(n).handle);
        const bool expected = n <= newest && n + capacity > newest;
        ASSERT_EQ(found.has_value(), expected) << n << " of " << newest << " in " << capacity;
        if (found) {
          EXPECT_EQ(*found, Nth(n));
        }
      }
    }
  }
}

TEST(TombstonesTest, R1_AReusedSlotHasEndingsOfItsOwn) {
  Tombstones stones(8);
  Tombstone first = Nth(1);
  Tombstone second = first;
  second.handle = MakeHandle(Kind::kCallback, 2, SlotOf(first.handle));
  second.ending = Ending::kOwnerClosed;
  stones.Insert(first);
  EXPECT_FALSE(stones.Find(second.handle)) << "it lives";
  stones.Insert(second);
  EXPECT_EQ(stones.Find(first.handle), first);
  EXPECT_EQ(stones.Find(second.handle), second);
}

TEST(TombstonesTest, R15_NothingIsFoundInAnEmptyRing) {
  const Tombstones stones(8);
  EXPECT_FALSE(stones.Find(0)) << "no handle, though unused places bear it";
  EXPECT_FALSE(stones.Find(Nth(1).handle));
}

TEST(TombstonesTest, R15_FoundWholeBesideInserts) {
  constexpr std::uint32_t kHandles = 20'000;
  Tombstones stones(16);
  std::thread writer([&] {
    for (std::uint32_t n = 1; n <= kHandles; ++n) stones.Insert(Nth(n));
  });
  for (std::uint32_t n = 1; n <= kHandles; ++n) {
    if (const auto found = stones.Find(Nth(n).handle)) {
      ASSERT_EQ(*found, Nth(n));
    }
  }
  writer.join();
  EXPECT_EQ(stones.Find(Nth(kHandles).handle), Nth(kHandles));
}

TEST(TombstonesTest, R15_EveryEndingHasAText) {
  for (int number = 1; number <= 4; ++number) {
    EXPECT_NE(EndingText(static_cast<Ending>(number)), "ended by") << number;
  }
  EXPECT_EQ(EndingText(static_cast<Ending>(5)), "ended by");
}

}  // namespace
}  // namespace belay::registry
