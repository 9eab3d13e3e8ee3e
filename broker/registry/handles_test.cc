// Handles: what is no handle (R1), one holder's release (R2).
#include <limits>

#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;

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

}  // namespace
}  // namespace belay::registry
