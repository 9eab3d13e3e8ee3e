// Handles: what is no handle (R1), one holder's release (R2), the triple (R3), refusals (R4), rights (R16).
#include <limits>
#include <memory>
#include <stdexcept>

#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;

// --- R1 ---------------------------------------------------------------------------------------------

// Every operation must refuse `handle` with a code, and touch nothing.
void ExpectRefusedEverywhere(Handle handle, Code code) {
  EXPECT_EQ(CodeOf(Call(handle)), code);
  EXPECT_EQ(CodeOf(Registry::Invoke(handle, {}).status), code);
  EXPECT_EQ(CodeOf(Registry::Retain(handle, 0, 0)), code);
  EXPECT_EQ(CodeOf(Registry::Release(handle)), code);
  EXPECT_EQ(CodeOf(Registry::Unregister(handle, Code::kUnregistered)), code);
  EXPECT_EQ(CodeOf(Registry::Drain(handle, 0)), code);
  EXPECT_EQ(CodeOf(Registry::NotifyDrained(
                handle, [](void*) { FAIL(); }, nullptr)),
            code);
  EXPECT_EQ(CodeOf(Registry::PinTyped(handle, "void()")), code);
  EXPECT_EQ(CodeOf(Registry::CloseOwner(handle)), code);
  EXPECT_EQ(CodeOf(Registry::Describe(handle)), code);
  EXPECT_TRUE(Registry::Holders(handle).empty());
  EXPECT_FALSE(Registry::RunsInline(handle));
  Registry::CountFailure(handle);
}

TEST_F(RegistryTest, R1_NumbersThatNeverWereHandlesAreMalformed) {
  Probe& probe = NewProbe();
  const Handle live = Register(alice_, probe);
  const std::vector<Handle> forged = {
      0,
      1,
      2,
      std::numeric_limits<Handle>::max(),
      std::numeric_limits<Handle>::max() - 1,
      Handle{1} << 63U,
      live | Handle{1} << 63U,                                            // the mark bit
      live ^ (Handle{0x7f} << 56U),                                       // a kind that is none
      MakeHandle(Kind::kOwner, GenerationOf(live), SlotOf(live)),         // another kind
      MakeHandle(Kind::kNone, GenerationOf(live), SlotOf(live)),          // no kind
      MakeHandle(Kind::kCallback, 0, SlotOf(live)),                       // generation 0
      MakeHandle(Kind::kCallback, GenerationOf(live) + 1, SlotOf(live)),  // not yet handed out
      MakeHandle(Kind::kCallback, kMaxGeneration, SlotOf(live)),
      MakeHandle(Kind::kCallback, 1, 0),                      // slot 0
      MakeHandle(Kind::kCallback, 1, (1U << kSlotBits) - 1),  // slots beyond the table
      MakeHandle(Kind::kCallback, GenerationOf(live), SlotOf(live) + HandleTable::kSlots),
      MakeHandle(Kind::kCallback, GenerationOf(live), SlotOf(live) + 2 * HandleTable::kSlots),
  };
  for (const Handle handle : forged) {
    SCOPED_TRACE(::testing::Message() << std::hex << handle);
    ExpectRefusedEverywhere(handle, Code::kMalformed);
  }
  EXPECT_TRUE(Call(live).ok());
  EXPECT_EQ(probe.calls.load(), 1);
}

TEST_F(RegistryTest, R1_TheMarkOfASlowSlotLeadsNowhere) {
  // What the slot of h holds in another form than the handle itself leads, as a handle, to another slot.
  Handle handles[4];
  for (int i = 0; i < 4; ++i) handles[i] = Register(alice_, NewProbe());
  for (const bool unregistered : {false, true}) {
    for (int i = 0; i < 4; ++i) {
      if (unregistered) {
        ASSERT_TRUE(Registry::Unregister(handles[i], Code::kUnregistered).ok());
      }
      for (const Form form : {Form::kSlow, Form::kGated, Form::kRetired}) {
        const Handle mark = KeyOf(handles[i], form);
        bool is_handle = false;
        for (const Handle handle : handles) is_handle = is_handle || handle == mark;
        if (is_handle) continue;  // the neighbour's own
        SCOPED_TRACE(::testing::Message() << i << unregistered);
        const Code code = CodeOf(Call(mark));
        EXPECT_TRUE(code == Code::kMalformed || code == Code::kStale) << base::CodeName(code);
        EXPECT_EQ(CodeOf(Registry::Release(mark)), code);
      }
    }
  }
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(CodeOf(Call(handles[i])), Code::kUnregistered);
    EXPECT_EQ(probes_[static_cast<std::size_t>(i)].calls.load(), 0);
  }
}

TEST_F(RegistryTest, R1_AReleasedHandleIsStaleForEver) {
  Probe& probe = NewProbe();
  const Handle first = Register(alice_, probe);
  ASSERT_TRUE(Registry::Release(first).ok());
  ExpectRefusedEverywhere(first, Code::kStale);
  ASSERT_TRUE(probe.released.Wait());
  // Slots are used again, generations are not.
  std::vector<Handle> seen = {first};
  for (int i = 0; i < 300; ++i) {
    Probe& other = NewProbe();
    const Handle handle = Register(alice_, other);
    for (const Handle old : seen) ASSERT_NE(old, handle);
    seen.push_back(handle);
    ASSERT_TRUE(Registry::Release(handle).ok());
    ASSERT_TRUE(other.released.Wait());
    ASSERT_EQ(CodeOf(Call(first)), Code::kStale);
  }
  ExpectRefusedEverywhere(first, Code::kStale);
}

TEST_F(RegistryTest, R1_ALiveHandleOfAnotherKindIsWrongKind) {
  Probe& probe = NewProbe();
  const Handle callback = Register(alice_, probe);
  for (const Handle handle : {alice_, registry_->handle()}) {
    EXPECT_EQ(CodeOf(Call(handle)), Code::kWrongKind);
    EXPECT_EQ(CodeOf(Registry::Invoke(handle, {}).status), Code::kWrongKind);
    EXPECT_EQ(CodeOf(Registry::Retain(handle, 0, 0)), Code::kWrongKind);
    EXPECT_EQ(CodeOf(Registry::Release(handle)), Code::kWrongKind);
    EXPECT_EQ(CodeOf(Registry::Unregister(handle, Code::kUnregistered)), Code::kWrongKind);
    EXPECT_EQ(CodeOf(Registry::Drain(handle, 0)), Code::kWrongKind);
    EXPECT_EQ(CodeOf(Registry::PinTyped(handle, "void()")), Code::kWrongKind);
  }
  EXPECT_EQ(CodeOf(Registry::CloseOwner(callback)), Code::kWrongKind);
  EXPECT_EQ(CodeOf(Registry::CloseOwner(registry_->handle())), Code::kWrongKind);
  EXPECT_EQ(CodeOf(Registry::Retain(callback, callback, 0)), Code::kWrongKind);
  EXPECT_EQ(CodeOf(Registry::Find(callback, Kind::kStore)), Code::kWrongKind);
  EXPECT_TRUE(Call(callback).ok());
}

TEST_F(RegistryTest, R1_OneTableServesEveryRegistry) {
  auto other = Registry::Open({});
  ASSERT_TRUE(other.ok());
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  const Handle stranger = *(*other)->OpenOwner("stranger");
  EXPECT_EQ(CodeOf(Registry::Retain(handle, stranger, 0)), Code::kInvalidArgument);
  ASSERT_TRUE((*other)->Close(kPatienceNs).ok());
  EXPECT_EQ(CodeOf(Registry::CloseOwner(stranger)), Code::kStale);
  EXPECT_EQ(CodeOf(Registry::Describe((*other)->handle())), Code::kStale);
  EXPECT_TRUE(Call(handle).ok());
}

TEST_F(RegistryTest, R1_ObjectsOfTheEngineHaveHandlesToo) {
  struct Store : Object {
    explicit Store(Event* gone) : Object(Kind::kStore), gone_(gone) {}
    void HandlesGone() noexcept override { gone_->Set(); }
    Event* gone_;
  };
  Event gone;
  const auto handle = registry_->Insert(Ref<Object>::Adopt(new Store(&gone)));
  ASSERT_TRUE(handle.ok());
  EXPECT_EQ(CodeOf(Call(*handle)), Code::kWrongKind);
  EXPECT_EQ(CodeOf(Registry::Retain(*handle, 0, 0)), Code::kWrongKind);
  {
    auto found = Registry::Find(*handle, Kind::kStore);
    ASSERT_TRUE(found.ok());
    EXPECT_FALSE(gone.is_set());
    ASSERT_TRUE(Registry::Release(*handle).ok());
    EXPECT_TRUE(gone.Wait());  // told although somebody still has the object itself
  }
  EXPECT_EQ(CodeOf(Registry::Find(*handle, Kind::kStore)), Code::kStale);
}

// --- R2 ---------------------------------------------------------------------------------------------

TEST_F(RegistryTest, R2_ASecondReleaseIsStaleAndTouchesNobodyElse) {
  Probe& probe = NewProbe();
  const Handle first = Register(alice_, probe);
  const Handle second = *Registry::Retain(first, bob_, 0);
  ASSERT_NE(first, second);
  ASSERT_TRUE(Registry::Release(first).ok());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(CodeOf(Registry::Release(first)), Code::kStale);
  EXPECT_TRUE(Call(second).ok());
  EXPECT_EQ(Registry::Describe(second)->references, 1U);
  EXPECT_EQ(probe.releases.load(), 0);
  ASSERT_TRUE(Registry::Release(second).ok());
  EXPECT_TRUE(probe.released.Wait());
}

TEST_F(RegistryTest, R2_OfManyThreadsReleasingOneHandleExactlyOneSucceeds) {
  Probe& probe = NewProbe();
  const Handle kept = Register(alice_, probe);
  for (int round = 0; round < 200; ++round) {
    const Handle raced = *Registry::Retain(kept, bob_, 0);
    std::atomic<int> arrived{0};
    std::atomic<int> succeeded{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&] {
        arrived.fetch_add(1);
        while (arrived.load() < 2) std::this_thread::yield();
        const base::Status status = Registry::Release(raced);
        if (status.ok()) succeeded.fetch_add(1);
        EXPECT_TRUE(status.ok() || status.code() == Code::kStale) << status.ToString();
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(succeeded.load(), 1);
    ASSERT_TRUE(Call(kept).ok());
    ASSERT_EQ(Registry::Describe(kept)->references, 1U);
  }
  EXPECT_EQ(probe.releases.load(), 0);
}

// --- R3 ---------------------------------------------------------------------------------------------

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

// --- R4 ---------------------------------------------------------------------------------------------

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

// --- R16 --------------------------------------------------------------------------------------------

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
