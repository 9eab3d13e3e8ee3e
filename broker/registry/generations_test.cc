// The last life of a slot (R1).
#include <vector>

#include "broker/registry/handle_table.h"
#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;

class GenerationsTest : public RegistryTest {};

TEST_F(GenerationsTest, R1_ASlotWhoseGenerationsAreUsedUpIsNeverUsedAgain) {
  HandleTable& table = HandleTable::Get();
  Probe& probe = NewProbe();
  const Handle young = Register(alice_, probe);
  const std::uint32_t slot = SlotOf(young);
  // As if four thousand million handles had led to the slot before.
  const Handle last = MakeHandle(Kind::kCallback, kMaxGeneration, slot);
  table.slot(slot).key.store(KeyOf(last, Form::kFast));
  EXPECT_EQ(Call(young).code(), Code::kStale);
  EXPECT_TRUE(Call(last).ok());
  ASSERT_TRUE(Registry::Release(last).ok());
  ASSERT_TRUE(probe.released.Wait());
  ASSERT_TRUE(Eventually([&] { return table.slot(slot).object.load() == 0; }));

  // A table that grows has no free slot left, but for those that this registry has taken in advance.
  constexpr std::size_t kMostTaken = 32;
  const Handle handle = Register(alice_, NewProbe());
  const std::uint32_t limit = table.limit();
  std::size_t since_growth = 0;
  while (since_growth < kMostTaken) {
    const auto retained = Registry::Retain(handle, 0, 0);
    ASSERT_TRUE(retained.ok()) << retained.status().ToString();
    ASSERT_NE(SlotOf(*retained), slot);
    if (table.limit() != limit) ++since_growth;
  }
  EXPECT_EQ(Call(last).code(), Code::kStale);
}

}  // namespace
}  // namespace belay::registry
