// The event stream (R15): dense, bounded, whole, and nobody who waits misses the news.
#include "broker/registry/events.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>
#include <thread>
#include <vector>

namespace {
thread_local std::uint64_t tls_allocations = 0;
}  // namespace

// What the whole test allocates with is counted, so that a test can say that something does not.
void* operator new(std::size_t size) {
  ++tls_allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void* operator new[](std::size_t size) { return operator new(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace belay::registry {
namespace {

constexpr std::int64_t kPatienceNs = 30'000'000'000;

// An event of which every field follows from its sequence: what is torn does not match.
HandleEvent Nth(std::uint64_t sequence) {
  HandleEvent event;
  event.sequence = sequence;
  event.handle = sequence * 0x9e37'79b9'7f4a'7c15U;
  event.unix_ns = static_cast<std::int64_t>(sequence * 3);
  event.tag_id = static_cast<std::uint32_t>(sequence * 5);
  event.owner_id = static_cast<std::uint32_t>(sequence * 7);
  event.thread_id = static_cast<std::uint32_t>(sequence * 11);
  event.type = static_cast<EventType>(1 + sequence % 14);
  return event;
}

void AppendUpTo(EventRing& ring, std::uint64_t last) {
  while (ring.last() < last) ring.Append(Nth(ring.last() + 1));
}

std::vector<HandleEvent> ReadAll(const EventRing& ring, std::uint64_t from) {
  std::vector<HandleEvent> events(ring.capacity() + 1);
  events.resize(ring.Read(from, events).count);
  return events;
}

TEST(EventRingTest, R15_EventsAreNumberedFromOneAndReadAsAppended) {
  EventRing ring(8);
  EXPECT_EQ(ring.last(), 0U);
  for (std::uint64_t n = 1; n <= 3; ++n) {
    HandleEvent event = Nth(n);
    event.sequence = 77;  // not the caller's to choose
    EXPECT_EQ(ring.Append(event), n);
  }
  EXPECT_EQ(ReadAll(ring, 1), (std::vector{Nth(1), Nth(2), Nth(3)}));
  EXPECT_EQ(ReadAll(ring, 0), (std::vector{Nth(1), Nth(2), Nth(3)}));
  EXPECT_EQ(ReadAll(ring, 3), (std::vector{Nth(3)}));
  EXPECT_TRUE(ReadAll(ring, 4).empty());
}

TEST(EventRingTest, R15_AnEmptyRingSaysWhereItWillBegin) {
  const EventRing ring(8);
  std::array<HandleEvent, 2> out;
  const EventRing::Page page = ring.Read(1, out);
  EXPECT_EQ(page.count, 0U);
  EXPECT_EQ(page.first_kept, 1U);
  EXPECT_EQ(page.next, 1U);
}

TEST(EventRingTest, R15_WhatWasMissedIsVisible) {
  EventRing ring(4);
  AppendUpTo(ring, 4);
  std::array<HandleEvent, 8> out;
  EXPECT_EQ(ring.Read(1, out).first_kept, 1U) << "a full ring has lost nothing";
  AppendUpTo(ring, 10);
  const EventRing::Page page = ring.Read(3, out);
  EXPECT_EQ(page.first_kept, 7U);
  ASSERT_EQ(page.count, 4U);
  EXPECT_EQ(out[0], Nth(7)) << "3 to 6 were missed";
  EXPECT_EQ(out[3], Nth(10));
  EXPECT_EQ(page.next, 11U);
  EXPECT_EQ(ring.Read(3, {}).next, 7U) << "also without room for any";
}

TEST(EventRingTest, R15_PagesFollowOneAnother) {
  for (const std::size_t capacity : {std::size_t{1}, std::size_t{5}, std::size_t{64}}) {
    EventRing ring(capacity);
    AppendUpTo(ring, 3 * capacity + 2);
    std::array<HandleEvent, 3> out;
    std::uint64_t from = 1;
    std::vector<HandleEvent> seen;
    while (true) {
      const EventRing::Page page = ring.Read(from, out);
      if (page.count == 0) break;
      seen.insert(seen.end(), out.begin(), out.begin() + static_cast<std::ptrdiff_t>(page.count));
      from = page.next;
    }
    EXPECT_EQ(seen, ReadAll(ring, 1)) << "capacity " << capacity;
    EXPECT_EQ(seen.size(), capacity);
  }
}

TEST(EventRingTest, R6_AppendAllocatesNothing) {
  EventRing ring(16);
  const std::uint64_t before = tls_allocations;
  AppendUpTo(ring, 100);
  EXPECT_EQ(tls_allocations, before);
  EventRing another(16);
  EXPECT_GT(tls_allocations, before) << "or this test does not count";
}

TEST(EventRingTest, R15_ReadersBesideTheWriterSeeWholeEventsInOrder) {
  // Small, so that the writer is always about to overwrite what is being read; and larger, so that
  // it overtakes readers in the middle of a page.
  for (const std::size_t capacity : {std::size_t{64}, std::size_t{512}}) {
    EventRing ring(capacity);
    std::atomic<int> reading{2};
    const auto read = [&] {
      std::vector<HandleEvent> out(capacity);
      std::uint64_t from = 1;
      std::uint64_t seen = 0;
      while (seen < 5'000 && !testing::Test::HasFailure()) {
        const EventRing::Page page = ring.Read(from, out);
        for (std::size_t n = 0; n < page.count; ++n) {
          EXPECT_EQ(out[n], Nth(out[n].sequence)) << "half of one event, half of another";
          EXPECT_EQ(out[n].sequence, page.next - page.count + n) << "a gap within a page";
          EXPECT_GE(out[n].sequence, from) << "an event twice";
        }
        seen += page.count;
        from = page.next;
      }
      reading.fetch_sub(1);
    };
    std::thread first(read);
    std::thread second(read);
    while (reading.load() > 0) {
      AppendUpTo(ring, ring.last() + 1'000);
      std::this_thread::yield();  // or the readers of a small ring might never catch up
    }
    first.join();
    second.join();
  }
}

// Each event is appended while the others are about to wait for it, sooner or later in their going
// to sleep: one missed wake-up stops its thread.
void WaitBesideAppends(std::uint64_t waiters) {
  constexpr std::uint64_t kEvents = 20'000;
  EventRing ring(4);
  std::atomic<std::uint64_t> arrivals{0};
  std::atomic<bool> is_missed{false};
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < waiters; ++i) {
    threads.emplace_back([&] {
      for (std::uint64_t n = 1; n <= kEvents && !is_missed.load(); ++n) {
        arrivals.fetch_add(1);
        for (std::uint64_t pause = n % 64; pause > 0; --pause) (void)arrivals.load();
        if (!ring.Wait(n, kPatienceNs)) is_missed.store(true);
      }
    });
  }
  for (std::uint64_t n = 1; n <= kEvents && !is_missed.load(); ++n) {
    for (int i = 0; arrivals.load() < waiters * n && !is_missed.load(); ++i) {
      if (i > 1'000) std::this_thread::yield();
    }
    ring.Append(Nth(n));
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(is_missed.load());
}

TEST(EventRingTest, R15_OneWhoWaitsMissesNoNews) { WaitBesideAppends(1); }

TEST(EventRingTest, R15_NoneOfThoseWhoWaitMissesNews) { WaitBesideAppends(2); }

TEST(EventRingTest, R12_WaitsEndInTimeOrWithTheRegistry) {
  EventRing ring(4);
  EXPECT_FALSE(ring.Wait(1, 0));
  EXPECT_FALSE(ring.Wait(1, -1));
  EXPECT_FALSE(ring.Wait(1, 1'000'000));
  std::thread waiting([&ring] { EXPECT_FALSE(ring.Wait(1, INT64_MAX)); });
  ring.EndWaits();
  waiting.join();
  ring.Append(Nth(1));
  EXPECT_TRUE(ring.Wait(1, 0)) << "what is there need not be waited for";
  EXPECT_FALSE(ring.Wait(2, INT64_MAX));
}

TEST(EventRingTest, R15_EveryTypeHasAName) {
  for (int number = 1; number <= 14; ++number) {
    EXPECT_NE(EventTypeName(static_cast<EventType>(number)), "unknown") << number;
  }
  EXPECT_EQ(EventTypeName(static_cast<EventType>(0)), "unknown");
  EXPECT_EQ(EventTypeName(static_cast<EventType>(15)), "unknown");
}

}  // namespace
}  // namespace belay::registry
