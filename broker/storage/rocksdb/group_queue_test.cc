#include "broker/storage/rocksdb/group_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "broker/storage/rocksdb/listener_slot.h"
#include "broker/storage/rocksdb/reader_gate.h"

namespace belay::storage {
namespace {

struct Request {
  int thread = 0;
  std::uint64_t sequence = 0;
  bool exclusive = false;
  int applied = 0;
};

TEST(GroupQueueTest, S1_EachRequestIsAppliedOnceAndInOrderOfItsThread) {
  constexpr int kThreads = 8;
  constexpr std::uint64_t kRequests = 2'000;
  std::atomic<int> inside{0};
  // Not atomic on purpose: that one leader's writes are seen by the next is the queue's promise,
  // and thread sanitizer checks it.
  std::vector<std::uint64_t> last(kThreads, 0);
  std::uint64_t groups = 0;
  GroupQueue<Request> queue(100, [&](std::span<Request* const> group) {
    EXPECT_EQ(inside.fetch_add(1), 0) << "two leaders at once";
    ++groups;
    EXPECT_LE(group.size(), 10u);  // 100 bytes at 10 each
    for (Request* request : group) {
      EXPECT_TRUE(!request->exclusive || group.size() == 1);
      ++request->applied;
      std::uint64_t& previous = last[static_cast<std::size_t>(request->thread)];
      EXPECT_EQ(request->sequence, previous + 1);
      previous = request->sequence;
    }
    inside.fetch_sub(1);
  });
  std::atomic<std::uint64_t> led{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 1; i <= kRequests; ++i) {
        Request request{t, i, i % 7 == 0};
        if (queue.Run(request, 10, request.exclusive ? QueuedAs::kExclusive : QueuedAs::kGrouped))
          led.fetch_add(1);
        EXPECT_EQ(request.applied, 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(led.load(), groups);
  for (const std::uint64_t sequence : last) EXPECT_EQ(sequence, kRequests);
}

TEST(GroupQueueTest, S2_ThoseWhoComeDuringAGroupFormTheNext) {
  std::mutex mutex;
  std::condition_variable changed;
  bool first_is_in = false;
  bool go_on = false;
  std::vector<std::size_t> group_sizes;
  GroupQueue<Request> queue(1'000, [&](std::span<Request* const> group) {
    std::unique_lock lock(mutex);
    group_sizes.push_back(group.size());
    if (group_sizes.size() > 1) return;
    first_is_in = true;
    changed.notify_all();
    changed.wait(lock, [&] { return go_on; });
  });
  std::vector<std::thread> threads;
  std::atomic<int> arrived{0};
  threads.emplace_back([&] {
    Request request;
    queue.Run(request, 1, QueuedAs::kGrouped);
  });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return first_is_in; });
  }
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      Request request;
      arrived.fetch_add(1);
      queue.Run(request, 1, QueuedAs::kGrouped);
    });
  }
  while (arrived.load() < 3) std::this_thread::yield();
  {
    const std::lock_guard lock(mutex);
    go_on = true;
  }
  changed.notify_all();
  for (std::thread& thread : threads) thread.join();
  std::size_t total = 0;
  for (const std::size_t size : group_sizes) total += size;
  EXPECT_EQ(total, 4u);
  EXPECT_EQ(group_sizes.front(), 1u);  // whoever came while it was being applied is not in it
}

TEST(ReaderGateTest, S4_WhoRunsAloneIsAloneAndReadersDoNotKeepItOut) {
  ReaderGate gate;
  std::atomic<bool> stop{false};
  std::uint64_t guarded = 0;  // not atomic on purpose
  std::vector<std::thread> readers;
  for (int i = 0; i < 6; ++i) {
    readers.emplace_back([&] {
      while (!stop.load()) {
        const ReaderGate::Pass pass(gate);
        const std::uint64_t seen = guarded;
        EXPECT_EQ(seen % 2, 0u);
        std::this_thread::yield();
        EXPECT_EQ(guarded, seen);
      }
    });
  }
  for (int round = 0; round < 2'000; ++round) {
    gate.RunAlone([&] {
      ++guarded;
      std::this_thread::yield();
      ++guarded;
    });
  }
  stop.store(true);
  for (std::thread& reader : readers) reader.join();
}

TEST(ListenerSlotTest, R8_AfterSetTheFormerListenerIsNotRunning) {
  ListenerSlot slot;
  std::atomic<bool> stop{false};
  std::thread notifier([&] {
    for (Revision revision = 1; !stop.load(); ++revision) slot.Notify(revision);
  });
  for (int round = 0; round < 200; ++round) {
    // Freed right after Set(): a listener that still ran would touch freed memory.
    auto seen = std::make_unique<std::atomic<int>>(0);
    slot.Set([counter = seen.get()](Revision) { counter->fetch_add(1); });
    while (seen->load() == 0) std::this_thread::yield();
    slot.Set(nullptr);
    seen.reset();
  }
  stop.store(true);
  notifier.join();
}

}  // namespace
}  // namespace belay::storage
