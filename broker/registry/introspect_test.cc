// What is visible (R15): descriptions, listings, holders, and exact call counts.
#include <algorithm>
#include <set>

#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;

TEST_F(RegistryTest, R15_ADescriptionTellsAllOfAHandle) {
  Probe& probe = NewProbe();
  const Handle own = Register(alice_, probe, "sums");
  const Handle other = *Registry::Retain(own, bob_, kRightInvoke | kRightRetain);
  EXPECT_TRUE(Call(other).ok());
  const auto info = Registry::Describe(other);
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->handle, other);
  EXPECT_EQ(info->kind, Kind::kCallback);
  EXPECT_EQ(info->label, "sums");
  EXPECT_EQ(info->site, "here.cc:1");
  EXPECT_EQ(info->owner, alice_);
  EXPECT_EQ(info->owner_name, "alice");
  EXPECT_EQ(info->holder, bob_);
  EXPECT_EQ(info->holder_name, "bob");
  EXPECT_EQ(info->references, 2U);
  EXPECT_EQ(info->rights, std::uint32_t{kRightInvoke | kRightRetain});
  EXPECT_EQ(info->state, State::kLive);
  EXPECT_EQ(info->calls, 1U);
  EXPECT_EQ(info->failures, 0U);
  EXPECT_EQ(info->in_flight, 0U);
  EXPECT_GE(info->age_ns, 0);
  EXPECT_GT(info->created_unix_ns, 0);
  Registry::CountFailure(static_cast<Callback&>(**Registry::Find(own, Kind::kCallback)));
  EXPECT_EQ(Registry::Describe(own)->failures, 1U);
  ASSERT_TRUE(Registry::CloseOwner(alice_).ok());
  const auto closed = Registry::Describe(other);
  EXPECT_EQ(closed->owner, 0U) << "the owner is closed";
  EXPECT_EQ(closed->owner_name, "alice");
}

TEST_F(RegistryTest, R15_AgesFollowTheInjectedClock) {
  base::VirtualClock clock;
  RegistryOptions options;
  options.clock = &clock;
  auto opened = Registry::Open(std::move(options));
  ASSERT_TRUE(opened.ok());
  const Handle handle = Register((*opened)->handle(), NewProbe());
  clock.AdvanceNs(3'000'000'000);
  EXPECT_EQ(Registry::Describe(handle)->age_ns, 3'000'000'000);
  EXPECT_TRUE((*opened)->Close(kPatienceNs).ok());
}

TEST_F(RegistryTest, R15_CallsInFlightAreSeen) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  const Handle other = *Registry::Retain(handle, bob_, 0);
  BlockedCall call(other, probe);
  EXPECT_EQ(Registry::Describe(handle)->in_flight, 1U)
      << "of the callback, through whichever handle";
  EXPECT_EQ(HandleTable::Get().CountCalls((*Registry::Find(handle, Kind::kCallback))->id), 1U);
  call.Finish();
  EXPECT_EQ(Registry::Describe(handle)->in_flight, 0U);
}

TEST_F(RegistryTest, R15_HoldersAreNamedOncePerHandle) {
  const Handle handle = Register(alice_, NewProbe());
  const Handle first = *Registry::Retain(handle, bob_, 0);
  ASSERT_TRUE(Registry::Retain(handle, bob_, 0).ok());
  ASSERT_TRUE(Registry::Retain(handle, registry_->handle(), 0).ok());
  auto names = Registry::Holders(handle);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"alice", "bob", "bob", "test"}));
  ASSERT_TRUE(Registry::Release(first).ok());
  EXPECT_EQ(Registry::Holders(handle).size(), 3U);
}

TEST_F(RegistryTest, R15_AListingIsPagedAndComplete) {
  std::set<Handle> expected = {registry_->handle(), alice_, bob_};
  for (int i = 0; i < 700; ++i) expected.insert(Register(alice_, NewProbe()));
  auto other = Registry::Open({});  // another registry's handles stand between
  Register((*other)->handle(), NewProbe());
  for (int i = 0; i < 10; ++i) expected.insert(Register(bob_, NewProbe()));
  for (const std::size_t limit :
       {std::size_t{1}, std::size_t{7}, std::size_t{256}, std::size_t{100'000}}) {
    std::set<Handle> seen;
    std::uint64_t after = 0;
    while (true) {
      const auto page = registry_->List(&after, limit);
      if (page.empty()) break;
      EXPECT_LE(page.size(), limit);
      for (const HandleInfo& info : page)
        EXPECT_TRUE(seen.insert(info.handle).second) << "listed twice";
    }
    EXPECT_EQ(seen, expected) << "limit " << limit;
  }
  std::uint64_t nothing = 0;
  EXPECT_TRUE(registry_->List(&nothing, 0).empty());
  std::uint64_t beyond = std::uint64_t{1} << 40U;
  EXPECT_TRUE(registry_->List(&beyond, 10).empty());
  EXPECT_TRUE((*other)->Close(kPatienceNs).ok());
}

TEST_F(RegistryTest, R15_AListingShowsWhatItsFilterLetsThrough) {
  const Handle sums = Register(alice_, NewProbe(), "sums");
  const Handle products = Register(alice_, NewProbe(), "products");
  const Handle retained = *Registry::Retain(sums, bob_, 0);
  const Handle ended = Register(bob_, NewProbe(), "ended");
  ASSERT_TRUE(Registry::Unregister(ended, Code::kUnregistered).ok());
  ASSERT_TRUE(Registry::Suspend(products, kPatienceNs).ok());
  const auto listed = [&](auto change) {
    HandleFilter filter;
    change(filter);
    std::uint64_t after = 0;
    std::set<Handle> handles;
    for (const HandleInfo& info : registry_->List(&after, 100, filter)) handles.insert(info.handle);
    return handles;
  };
  using Set = std::set<Handle>;
  EXPECT_EQ(listed([](HandleFilter& f) { f.kind = Kind::kCallback; }),
            (Set{sums, products, retained, ended}));
  EXPECT_EQ(listed([](HandleFilter& f) { f.kind = Kind::kBroker; }), Set{registry_->handle()});
  EXPECT_EQ(listed([](HandleFilter& f) { f.owner_name = "alice"; }),
            (Set{sums, products, retained}));
  EXPECT_EQ(listed([](HandleFilter& f) { f.holder_name = "bob"; }), (Set{retained, ended}));
  EXPECT_EQ(listed([](HandleFilter& f) { f.label_part = "um"; }), (Set{sums, retained}));
  EXPECT_EQ(listed([](HandleFilter& f) { f.state = State::kSuspended; }), Set{products});
  EXPECT_EQ(listed([](HandleFilter& f) { f.use = HandleFilter::Use::kOnlyRelease; }), Set{ended});
  EXPECT_EQ(listed([](HandleFilter& f) {
              f.owner_name = "alice";
              f.holder_name = "bob";
            }),
            Set{retained});
  EXPECT_EQ(listed([](HandleFilter& f) { f.min_age_ns = kPatienceNs; }), Set{});
}

TEST_F(RegistryTest, R15_CallsOfAllThreadsAreCountedExactly) {
  // Threads that live, that have ended, and that end inside a call; the records pass from one to the next.
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  Event done[2];
  Event go;
  std::vector<std::thread> living;
  for (Event& event : done) {
    living.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) EXPECT_TRUE(Call(handle).ok());
      event.Set();
      EXPECT_TRUE(go.Wait());
    });
  }
  for (int i = 0; i < 20; ++i) {
    std::thread([&] {
      for (int n = 0; n < 50; ++n) EXPECT_TRUE(Call(handle).ok());
    }).join();
  }
  for (Event& event : done) ASSERT_TRUE(event.Wait());
  for (int n = 0; n < 7; ++n) EXPECT_TRUE(Call(handle).ok());
  EXPECT_EQ(Registry::Describe(handle)->calls, 2 * 1000 + 20 * 50 + 7U);
  go.Set();
  for (std::thread& thread : living) thread.join();
  EXPECT_EQ(Registry::Describe(handle)->calls, 2 * 1000 + 20 * 50 + 7U);
}

TEST_F(RegistryTest, R15_CountsAreExactBeyondWhatAThreadKeeps) {
  // More handles than a thread has counters: they push each other out.
  constexpr std::size_t kHandles = 3 * CallCounts::kEntries + 5;
  std::vector<Handle> handles;
  for (std::size_t i = 0; i < kHandles; ++i) handles.push_back(Register(alice_, NewProbe()));
  const auto work = [&] {
    for (std::size_t round = 0; round < 10; ++round) {
      for (std::size_t i = 0; i < kHandles; ++i) {
        for (std::size_t n = 0; n <= i % 3; ++n) EXPECT_TRUE(Call(handles[i]).ok());
      }
    }
  };
  std::thread other(work);
  work();
  other.join();
  for (std::size_t i = 0; i < kHandles; ++i) {
    ASSERT_EQ(Registry::Describe(handles[i])->calls, 20 * (i % 3 + 1)) << i;
  }
}

TEST_F(RegistryTest, R15_CallsThroughReleasedHandlesStayCounted) {
  Probe& probe = NewProbe();
  const Handle kept = Register(alice_, probe);
  std::uint64_t calls = 0;
  for (int i = 0; i < 200; ++i) {
    const Handle gone = *Registry::Retain(kept, bob_, 0);
    for (int n = 0; n < 3; ++n) EXPECT_TRUE(Call(gone).ok());
    calls += 3;
    ASSERT_TRUE(Registry::Release(gone).ok());
    // Whether or not the reaper has freed the slot by now.
    ASSERT_EQ(Registry::Describe(kept)->calls, calls);
  }
  // Released with a call in flight.
  const Handle gone = *Registry::Retain(kept, bob_, 0);
  {
    const BlockedCall call(gone, probe);
    ASSERT_TRUE(Registry::Release(gone).ok());
    EXPECT_EQ(Registry::Describe(kept)->calls, calls + 1);
    EXPECT_EQ(Registry::Describe(kept)->in_flight, 1U);
  }
  EXPECT_EQ(Registry::Describe(kept)->calls, calls + 1);
}

TEST_F(RegistryTest, R15_ReusedSlotsDoNotInheritCounts) {
  for (int i = 0; i < 300; ++i) {
    Probe& probe = NewProbe();
    const Handle handle = Register(alice_, probe);
    EXPECT_EQ(Registry::Describe(handle)->calls, 0U);
    EXPECT_TRUE(Call(handle).ok());
    EXPECT_EQ(Registry::Describe(handle)->calls, 1U);
    ASSERT_TRUE(Registry::Release(handle).ok());
    ASSERT_TRUE(probe.released.Wait());
  }
}

TEST_F(RegistryTest, R15_ViewsGoOnWhileTheWorldDoes) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      Probe mine;
      while (!stop.load()) {
        mine.releases.store(0);
        const Handle handle = *Registry::Register(alice_, mine.Spec());
        const Handle other = *Registry::Retain(handle, bob_, 0);
        EXPECT_TRUE(Call(other).ok());
        EXPECT_TRUE(Registry::Release(other).ok());
        EXPECT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
        EXPECT_TRUE(Registry::Drain(handle, kPatienceNs).ok());
        EXPECT_TRUE(Registry::Release(handle).ok());
      }
    });
  }
  for (int i = 0; i < 300; ++i) {
    std::uint64_t after = 0;
    for (const HandleInfo& info : registry_->List(&after, 1000)) {
      EXPECT_NE(info.handle, 0U);
      (void)Registry::Holders(info.handle);
      (void)Registry::Describe(info.handle);
    }
  }
  stop.store(true);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace belay::registry
