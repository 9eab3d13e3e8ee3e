// What callbacks and release functions may do: everything, for they run under no lock (R8).
#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;

// Every operation of the library, on callbacks of its own and on `self`.
void UseEverything(Registry& registry, Handle owner, Handle self) {
  Probe probe;
  Probe bad;
  const auto handle = Registry::Register(owner, probe.Spec("inner"));
  ASSERT_TRUE(handle.ok());
  EXPECT_FALSE(Registry::Register(0, bad.Spec()).ok());
  const auto retained = Registry::Retain(*handle, 0, 0);
  ASSERT_TRUE(retained.ok());
  EXPECT_TRUE(Call(*retained).ok());
  EXPECT_TRUE(Registry::Invoke(*handle, {}).status.ok());
  EXPECT_TRUE(Registry::Describe(*handle).ok());
  EXPECT_EQ(Registry::Holders(*handle).size(), 2U);
  std::uint64_t after = 0;
  EXPECT_FALSE(registry.List(&after, 1000).empty());
  (void)Registry::Describe(self);
  (void)Registry::Retain(self, 0, 0);
  (void)Registry::Unregister(self, Code::kUnregistered);
  EXPECT_TRUE(Registry::Release(*retained).ok());
  EXPECT_TRUE(Registry::Unregister(*handle, Code::kUnregistered).ok());
  Event drained;
  EXPECT_TRUE(Registry::NotifyDrained(
                  *handle, [](void* e) { static_cast<Event*>(e)->Set(); }, &drained)
                  .ok());
  const auto drain = Registry::Drain(*handle, kPatienceNs);
  EXPECT_TRUE(drain.ok() || drain.code() == Code::kWouldDeadlock);
  if (drain.ok()) {
    EXPECT_TRUE(drained.Wait());
  }
  const auto inner_owner = registry.OpenOwner("inner");
  ASSERT_TRUE(inner_owner.ok());
  EXPECT_TRUE(Registry::CloseOwner(*inner_owner).ok());
}

TEST_F(RegistryTest, R8_ACallbackMayCallEverything) {
  Probe& probe = NewProbe();
  Handle handle = 0;
  probe.body = [&] { UseEverything(*registry_, bob_, handle); };
  handle = Register(alice_, probe);
  EXPECT_TRUE(Call(handle).ok());
  EXPECT_TRUE(probe.released.Wait());
}

TEST_F(RegistryTest, R8_AReleaseFunctionMayCallEverythingButDrain) {
  Probe& probe = NewProbe();
  Probe& inner = NewProbe();
  Handle handle = 0;
  Handle inner_handle = 0;
  probe.on_release = [&] {
    inner_handle = Register(bob_, inner);
    EXPECT_TRUE(Call(inner_handle).ok());
    EXPECT_TRUE(Registry::Invoke(inner_handle, {}).status.ok());
    EXPECT_TRUE(Registry::Release(*Registry::Retain(inner_handle, 0, 0)).ok());
    EXPECT_TRUE(Registry::Describe(inner_handle).ok());
    std::uint64_t after = 0;
    EXPECT_FALSE(registry_->List(&after, 1000).empty());
    EXPECT_EQ(CodeOf(Call(handle)), Code::kUnregistered);
    EXPECT_TRUE(Registry::CloseOwner(*registry_->OpenOwner("inner")).ok());
    EXPECT_TRUE(Registry::Unregister(inner_handle, Code::kUnregistered).ok());
    EXPECT_EQ(CodeOf(Registry::Drain(inner_handle, kPatienceNs)), Code::kWouldDeadlock);
  };
  handle = Register(alice_, probe);
  ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
  EXPECT_TRUE(Registry::Drain(handle, kPatienceNs).ok());
  EXPECT_TRUE(inner.released.Wait());
}

TEST_F(RegistryTest, R8_ABlockedCallbackBlocksNobody) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  const BlockedCall call(handle, probe);
  UseEverything(*registry_, bob_, handle);
}

}  // namespace
}  // namespace belay::registry
