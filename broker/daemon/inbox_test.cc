#include "broker/daemon/inbox.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace belay::daemon {
namespace {

TEST(Inbox, RunsInOrderAlsoWhatTasksPost) {
  Inbox inbox;
  inbox.Adopt();
  std::vector<int> ran;
  inbox.Post([&] {
    ran.push_back(1);
    inbox.Post([&] { ran.push_back(3); });
  });
  inbox.Post([&] { ran.push_back(2); });
  EXPECT_TRUE(ran.empty());
  EXPECT_TRUE(inbox.Drain());
  EXPECT_EQ(ran, (std::vector<int>{1, 2, 3}));
  EXPECT_FALSE(inbox.Drain());
}

TEST(Inbox, RunsAtOnceOnItsOwnThreadOnly) {
  Inbox inbox;
  inbox.Adopt();
  bool ran = false;
  inbox.RunOrPost([&] { ran = true; });
  EXPECT_TRUE(ran);
  ran = false;
  std::thread([&] {
    EXPECT_FALSE(inbox.OnOwnThread());
    inbox.RunOrPost([&] { ran = true; });
  }).join();
  EXPECT_FALSE(ran);
  inbox.Drain();
  EXPECT_TRUE(ran);
}

TEST(Inbox, WakesOnceForWhatOneDrainTakes) {
  Inbox inbox;
  inbox.Adopt();
  int wakes = 0;
  inbox.SetWake([&] { ++wakes; });
  for (int i = 0; i < 10; ++i) inbox.Post([] {});
  EXPECT_EQ(wakes, 1);
  inbox.Drain();
  inbox.Post([] {});
  EXPECT_EQ(wakes, 2);
}

TEST(Inbox, WhatIsNeverRunIsFreed) {
  auto owned = std::make_shared<int>(1);
  {
    Inbox inbox;
    inbox.Post([owned] {});
    EXPECT_EQ(owned.use_count(), 2);
  }
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(Inbox, LosesNothingFromManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kPosts = 20'000;
  Inbox inbox;
  inbox.Adopt();
  std::mutex mutex;
  std::condition_variable woken;
  bool is_woken = false;
  inbox.SetWake([&] {
    const std::lock_guard lock(mutex);
    is_woken = true;
    woken.notify_one();
  });
  std::array<int, kThreads> next{};
  int total = 0;
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kPosts; ++i) {
        inbox.Post([&, t, i] {
          EXPECT_EQ(next[t], i);  // in order of each thread
          ++next[t];
          ++total;
        });
      }
    });
  }
  while (total < kThreads * kPosts) {
    std::unique_lock lock(mutex);
    woken.wait(lock, [&] { return is_woken; });
    is_woken = false;
    lock.unlock();
    inbox.Drain();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(total, kThreads * kPosts);
}

}  // namespace
}  // namespace belay::daemon
