// Refused, and why: each reason has its own code (R4), and rights are only narrowed (R16).
#include <functional>

#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;

TEST_F(RegistryTest, R4_EachReasonForRefusalHasItsOwnCode) {
  const struct {
    Code code;
    std::function<void(Handle)> end;
  } cases[] = {
      {Code::kUnregistered,
       [](Handle h) { EXPECT_TRUE(Registry::Unregister(h, Code::kUnregistered).ok()); }},
      {Code::kRevoked, [](Handle h) { EXPECT_TRUE(Registry::Unregister(h, Code::kRevoked).ok()); }},
      {Code::kHostLost,
       [](Handle h) { EXPECT_TRUE(Registry::Unregister(h, Code::kHostLost).ok()); }},
      {Code::kOwnerClosed, [this](Handle) { EXPECT_TRUE(Registry::CloseOwner(alice_).ok()); }},
  };
  for (const auto& c : cases) {
    Probe& probe = NewProbe();
    const Handle own = Register(alice_, probe);
    const Handle other = *Registry::Retain(own, bob_, 0);
    c.end(own);
    EXPECT_EQ(CodeOf(Call(other)), c.code);
    EXPECT_EQ(CodeOf(Registry::Invoke(other, {}).status), c.code);
    EXPECT_EQ(CodeOf(Registry::Retain(other, 0, 0)), c.code);
    EXPECT_TRUE(probe.released.Wait());
    EXPECT_EQ(CodeOf(Call(other)), c.code) << "the reason stays after the release";
    // The first reason stays, and ending it again is no error.
    EXPECT_TRUE(Registry::Unregister(other, Code::kRevoked).ok());
    EXPECT_EQ(CodeOf(Call(other)), c.code);
    EXPECT_TRUE(Registry::Drain(other, kPatienceNs).ok());
    EXPECT_EQ(Registry::Describe(other)->state, State::kReleased);
    EXPECT_TRUE(Registry::Release(other).ok());
    EXPECT_EQ(CodeOf(Call(other)), Code::kStale);
    EXPECT_EQ(probe.calls.load(), 0);
  }
}

TEST_F(RegistryTest, R4_DrainingLetsCallsInFlightFinishAndRefusesNewOnes) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  BlockedCall call(handle, probe);
  ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
  EXPECT_EQ(CodeOf(Call(handle)), Code::kUnregistered);
  EXPECT_EQ(Registry::Describe(handle)->state, State::kDraining);
  call.Finish();
  EXPECT_TRUE(probe.released.Wait());
  EXPECT_EQ(probe.calls.load(), 1);
}

TEST_F(RegistryTest, R4_AnOwnerThatClosedCannotBeRetainedTo) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  ASSERT_TRUE(Registry::CloseOwner(bob_).ok());
  EXPECT_EQ(CodeOf(Registry::Retain(handle, bob_, 0)), Code::kStale);
  EXPECT_TRUE(Call(handle).ok());
}

TEST_F(RegistryTest, R16_RetainOnlyNarrowsRights) {
  Probe& probe = NewProbe();
  const Handle all = Register(alice_, probe);
  const Handle retain_only = *Registry::Retain(all, bob_, kRightRetain);
  EXPECT_EQ(CodeOf(Call(retain_only)), Code::kPermissionDenied);
  EXPECT_EQ(CodeOf(Registry::Invoke(retain_only, {}).status), Code::kPermissionDenied);
  EXPECT_EQ(CodeOf(Registry::Unregister(retain_only, Code::kUnregistered)),
            Code::kPermissionDenied);
  for (const std::uint32_t more :
       {std::uint32_t{kRightInvoke}, std::uint32_t{kRightInvoke | kRightRetain},
        std::uint32_t{kRightsAll}}) {
    EXPECT_EQ(CodeOf(Registry::Retain(retain_only, 0, more)), Code::kPermissionDenied);
  }
  const Handle same = *Registry::Retain(retain_only, 0, 0);
  EXPECT_EQ(Registry::Describe(same)->rights, std::uint32_t{kRightRetain});
  const Handle invoke_only = *Registry::Retain(all, bob_, kRightInvoke);
  EXPECT_TRUE(Call(invoke_only).ok());
  EXPECT_EQ(CodeOf(Registry::Retain(invoke_only, 0, 0)), Code::kPermissionDenied);
  // An administrator needs no right.
  EXPECT_TRUE(Registry::Unregister(retain_only, Code::kRevoked).ok());
  EXPECT_EQ(CodeOf(Call(all)), Code::kRevoked);
}

}  // namespace
}  // namespace belay::registry
