// The triple of function, context and release function: the context is released once, whatever becomes of its
// registration (R3).
#include <memory>
#include <stdexcept>

#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;

TEST_F(RegistryTest, R3_AFailedRegistrationReleasesTheContextBeforeItReturns) {
  const Handle closed_owner = Owner("closed");
  ASSERT_TRUE(Registry::CloseOwner(closed_owner).ok());
  Probe& live = NewProbe();
  const Handle callback = Register(alice_, live);
  const struct {
    Handle owner;
    Code code;
  } cases[] = {
      {0, Code::kMalformed},
      {MakeHandle(Kind::kOwner, 1, HandleTable::kSlots - 1), Code::kMalformed},
      {closed_owner, Code::kStale},
      {callback, Code::kWrongKind},
  };
  for (const auto& c : cases) {
    Probe& probe = NewProbe();
    EXPECT_EQ(CodeOf(Registry::Register(c.owner, probe.Spec())), c.code);
    EXPECT_EQ(probe.releases.load(), 1);
  }
  for (const char* signature : {"i64", "i64(", "long(i64)", "i64(void)"}) {
    Probe& probe = NewProbe();
    EXPECT_EQ(CodeOf(Registry::Register(alice_, probe.TypedSpec(signature))),
              Code::kInvalidArgument);
    EXPECT_EQ(probe.releases.load(), 1);
  }
}

TEST_F(RegistryTest, R3_AClosedRegistryReleasesTheContextOfALateRegistration) {
  Probe& blocked = NewProbe();
  const Handle handle = Register(alice_, blocked);
  Probe& late = NewProbe();
  {
    const BlockedCall call(handle, blocked);
    EXPECT_EQ(CodeOf(registry_->Close(0)), Code::kDeadlineExceeded);
    EXPECT_EQ(CodeOf(Registry::Register(registry_->handle(), late.Spec())), Code::kStale);
  }
  EXPECT_EQ(late.releases.load(), 1);
  EXPECT_TRUE(blocked.released.Wait());
}

// A context whose release function registers the next one with the same owner: nothing of the failed
// registration may be held while it runs.
struct Nest {
  Handle owner;
  int left;
  std::atomic<int>* alive;
  static void Release(void* context) {
    const std::unique_ptr<Nest> nest(static_cast<Nest*>(context));
    EXPECT_TRUE(tls_record == nullptr || tls_record->transient_depth == 0)
        << "R8: user code under a pin";
    if (nest->left > 0) (void)Register(nest->owner, nest->left - 1, nest->alive);
    nest->alive->fetch_sub(1);
  }
  static base::Result<Handle> Register(Handle owner, int left, std::atomic<int>* alive) {
    alive->fetch_add(1);
    CallbackSpec spec;
    spec.target.function = &Probe::Run;
    spec.context = OwnedContext(new Nest{owner, left, alive}, &Nest::Release);
    return Registry::Register(owner, std::move(spec));
  }
};

TEST_F(RegistryTest, R3_R8_AReleaseFunctionMayRegisterWhileItsOwnerCloses) {
  for (int round = 0; round < 10; ++round) {
    const Handle owner = Owner("closing");
    std::atomic<int> alive{0};
    std::atomic<int> started{0};
    std::vector<std::thread> registrars;
    for (int i = 0; i < 3; ++i) {
      registrars.emplace_back([&] {
        started.fetch_add(1);
        while (Nest::Register(owner, 6, &alive).ok()) {
        }
      });
    }
    while (started.load() < 3) std::this_thread::yield();
    ASSERT_TRUE(Registry::CloseOwner(owner).ok());
    for (std::thread& registrar : registrars) registrar.join();
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (alive.load() != 0 && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    ASSERT_EQ(alive.load(), 0);
  }
}

TEST_F(RegistryTest, R3_AContextWithoutAReleaseFunctionIsFine) {
  CallbackSpec spec;
  int context = 0;
  spec.target.function = [](void* c, ::belay_call*) { return ++*static_cast<int*>(c), 0; };
  spec.context = OwnedContext(&context, nullptr);
  const auto handle = Registry::Register(alice_, std::move(spec));
  ASSERT_TRUE(handle.ok());
  EXPECT_TRUE(Call(*handle).ok());
  EXPECT_TRUE(Registry::Unregister(*handle, Code::kUnregistered).ok());
  EXPECT_TRUE(Registry::Drain(*handle, kPatienceNs).ok());
  EXPECT_EQ(context, 1);
}

TEST_F(RegistryTest, R3_AReleaseFunctionThatThrowsHasRun) {
  Probe& thrower = NewProbe();
  Probe& after = NewProbe();
  thrower.on_release = [&] {
    thrower.releases.fetch_add(1);
    throw std::runtime_error("release");
  };
  const Handle handle = Register(alice_, thrower);
  const Handle next = Register(alice_, after);
  ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
  EXPECT_TRUE(Registry::Drain(handle, kPatienceNs).ok());
  EXPECT_EQ(thrower.releases.load(), 1);
  ASSERT_TRUE(Registry::Release(next).ok());
  EXPECT_TRUE(after.released.Wait());
}

}  // namespace
}  // namespace belay::registry
