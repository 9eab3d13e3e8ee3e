// What is remembered of handles: how they ended, and what happened in which order (R15).
#include <thread>

#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;

class HistoryTest : public RegistryTest {
 protected:
  // The registry of a test that needs options of its own; closed by the test or here.
  Ref<Registry> Open(RegistryOptions options) {
    auto opened = Registry::Open(std::move(options));
    EXPECT_TRUE(opened.ok());
    return *opened;
  }
  std::vector<EventInfo> AllEvents(Registry& registry) {
    return registry.ReadEvents(1, 10'000, 0)->events;
  }
};

std::string StaleText(Handle handle) {
  const base::Status status = Registry::Release(handle);
  EXPECT_EQ(status.code(), Code::kStale);
  return status.message();
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(HistoryTest, R15_StaleTellsWhoReleasedTheHandleWhenWhereAndWhatItWas) {
  base::VirtualClock clock;
  RegistryOptions options;
  options.clock = &clock;
  const Ref<Registry> registry = Open(std::move(options));
  const Handle owner = *registry->OpenOwner("carol");
  const Handle handle = Register(owner, NewProbe(), "sums");
  pid_t thread_id = 0;
  std::thread([&] {
    EXPECT_TRUE(Registry::Release(handle).ok());
    thread_id = tls_record->thread_id.load();
  }).join();
  clock.AdvanceNs(3'200'000'000);
  const std::string text = StaleText(handle);
  EXPECT_TRUE(Contains(text, HandleText(handle))) << text;
  EXPECT_TRUE(
      Contains(text, "released by \"carol\" 3.2 s ago on thread " + std::to_string(thread_id)))
      << text;
  EXPECT_TRUE(Contains(text, "it was \"sums\" (here.cc:1)")) << text;
  EXPECT_TRUE(registry->Close(kPatienceNs).ok());
}

TEST_F(HistoryTest, R15_StaleTellsApartTheWaysInWhichAHandleEnds) {
  const Handle inner = *Registry::OpenOwner(alice_, "inner");
  const Handle held = Register(inner, NewProbe());
  ASSERT_TRUE(Registry::CloseOwner(alice_).ok());
  EXPECT_TRUE(Contains(StaleText(held), "closed with its owner \"inner\"")) << StaleText(held);
  EXPECT_TRUE(Contains(StaleText(inner), "closed with its owner \"alice\"")) << StaleText(inner);
  EXPECT_TRUE(Contains(StaleText(alice_), "closed, held by \"test\"")) << StaleText(alice_);
}

TEST_F(HistoryTest, R15_AfterTheCloseHandlesAreStillExplained) {
  base::VirtualClock* clock = nullptr;
  Handle handle = 0;
  {
    base::VirtualClock own_clock;
    clock = &own_clock;
    RegistryOptions options;
    options.name = "gone";
    options.clock = clock;
    const Ref<Registry> registry = Open(std::move(options));
    handle = Register(registry->handle(), NewProbe(), "late");
    EXPECT_TRUE(registry->Close(kPatienceNs).ok());
  }
  const std::string text = StaleText(handle);
  EXPECT_TRUE(Contains(text, "closed with its broker, held by \"gone\"")) << text;
  EXPECT_TRUE(Contains(text, "it was \"late\"")) << text;
}

TEST_F(HistoryTest, R15_WithoutTombstonesStaleIsSaidWithoutAStory) {
  RegistryOptions options;
  options.tombstones = 0;
  const Ref<Registry> registry = Open(std::move(options));
  const Handle handle = Register(registry->handle(), NewProbe());
  ASSERT_TRUE(Registry::Release(handle).ok());
  EXPECT_FALSE(Contains(StaleText(handle), " ago ")) << StaleText(handle);
  EXPECT_TRUE(Contains(*Registry::Explain(handle), "was released"));
  EXPECT_TRUE(registry->Close(kPatienceNs).ok());
}

TEST_F(HistoryTest, R15_EventsTellALifeInOrder) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe, "life");
  const Handle retained = *Registry::Retain(handle, bob_, 0);
  ASSERT_TRUE(Registry::Transfer(retained, alice_).ok());
  ASSERT_TRUE(Registry::Suspend(handle, kPatienceNs).ok());
  ASSERT_TRUE(Registry::Suspend(handle, kPatienceNs).ok()) << "not a second event";
  ASSERT_TRUE(Registry::Resume(handle).ok());
  ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
  ASSERT_TRUE(Registry::Drain(handle, kPatienceNs).ok());
  ASSERT_TRUE(Registry::Release(handle).ok());
  ASSERT_TRUE(Registry::CloseOwner(bob_).ok());
  std::vector<EventInfo> events = AllEvents(*registry_);
  std::vector<EventType> types;
  for (const EventInfo& info : events) types.push_back(info.event.type);
  EXPECT_EQ(types,
            (std::vector{EventType::kOwnerOpened, EventType::kOwnerOpened, EventType::kRegistered,
                         EventType::kRetained, EventType::kTransferred, EventType::kSuspended,
                         EventType::kResumed, EventType::kUnregistered, EventType::kDrained,
                         EventType::kReleased, EventType::kOwnerClosed}));
  ASSERT_EQ(events.size(), 11U);
  EXPECT_EQ(events[2].event.handle, handle);
  EXPECT_EQ(events[2].label, "life");
  EXPECT_EQ(events[2].site, "here.cc:1");
  EXPECT_EQ(events[2].owner_name, "alice");
  EXPECT_GT(events[2].event.unix_ns, 0);
  EXPECT_NE(events[2].event.thread_id, 0U);
  EXPECT_EQ(events[3].owner_name, "bob") << "the holder";
  EXPECT_EQ(events[10].label, "bob");
  for (std::size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i].event.sequence, i + 1);
}

TEST_F(HistoryTest, R15_WhoWaitsForEventsIsWokenByOneAndByTheClose) {
  const std::uint64_t next = registry_->ReadEvents(1, 100, 0)->next;
  Event reading;
  std::thread reader([&] {
    reading.Set();
    const auto page = registry_->ReadEvents(next, 100, kPatienceNs);
    ASSERT_TRUE(page.ok());
    ASSERT_EQ(page->events.size(), 1U);
    EXPECT_EQ(page->events[0].event.type, EventType::kRegistered);
  });
  ASSERT_TRUE(reading.Wait());
  Register(alice_, NewProbe());
  reader.join();
  std::thread last([&] {
    while (true) {
      const auto page = registry_->ReadEvents(1U << 20U, 100, kPatienceNs);
      if (page.ok() && page->events.empty()) break;
    }
  });
  EXPECT_TRUE(registry_->Close(kPatienceNs).ok());
  last.join();
}

TEST_F(HistoryTest, R15_WithoutEventsReadersAreToldSo) {
  RegistryOptions options;
  options.events = 0;
  const Ref<Registry> registry = Open(std::move(options));
  Register(registry->handle(), NewProbe());
  EXPECT_EQ(registry->ReadEvents(1, 1, 0).status().reason(), "NO_EVENTS");
  EXPECT_TRUE(registry->Close(kPatienceNs).ok());
}

TEST_F(HistoryTest, R15_WhatIsLeftOpenAtTheCloseIsAnEvent) {
  Register(alice_, NewProbe(), "forgotten");
  EXPECT_TRUE(registry_->Close(kPatienceNs).ok());
  int leaked = 0;
  for (const EventInfo& info : AllEvents(*registry_)) {
    if (info.event.type != EventType::kLeaked) continue;
    ++leaked;
    EXPECT_EQ(info.label, "forgotten");
    EXPECT_EQ(info.owner_name, "alice");
  }
  EXPECT_EQ(leaked, 1);
}

TEST_F(HistoryTest, R15_AnOldObjectKeepsItsNameAmongVeryManyNewOnes) {
  RegistryOptions options;
  options.tombstones = 4;
  options.events = 0;  // the reaper's would bring texts of their own, at times of their own
  const Ref<Registry> registry = Open(std::move(options));
  const Handle old = Register(registry->handle(), NewProbe(), "old");
  for (int i = 0; i < 100; ++i) {
    const Handle handle = Register(registry->handle(), NewProbe(), "new " + std::to_string(i));
    ASSERT_TRUE(Registry::Release(handle).ok());
    EXPECT_TRUE(Contains(StaleText(handle), "it was \"new " + std::to_string(i)));
  }
  ASSERT_TRUE(Registry::Release(old).ok());
  EXPECT_TRUE(Contains(StaleText(old), "it was \"old\"")) << StaleText(old);
  EXPECT_TRUE(registry->Close(kPatienceNs).ok());
}

TEST(TextsTest, R15_ATextThatIsUsedIsKeptAndOthersGiveWay) {
  Texts texts(8);
  std::uint32_t kept = 0;
  const std::uint32_t first = texts.Keep(&kept, "kept", "site");
  EXPECT_EQ(texts.Keep(&kept, "kept", "site"), first) << "written once";
  for (int i = 0; i < 50; ++i) {
    texts.Add("other", {});
    const std::uint32_t id = texts.Keep(&kept, "kept", "site");
    EXPECT_EQ(texts.Find(id).name, "kept");
    EXPECT_EQ(texts.Find(id).site, "site");
  }
  EXPECT_EQ(texts.Find(first).name, "") << "its place has gone to another";
  EXPECT_EQ(texts.Find(0).name, "");
  EXPECT_EQ(texts.Find(12345).name, "");
}

}  // namespace
}  // namespace belay::registry
