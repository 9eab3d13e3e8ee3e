// Watches under random programs, against what the store's history says each must have got. And what idle
// watches cost.
#include <gtest/gtest.h>

#include <random>

#include "broker/engine/testing/watch_fixture.h"

namespace belay::engine {
namespace {

using base::Code;
using base::Status;
using registry::Handle;
using registry::Registry;

// One watch and what its callback has accepted.
struct Watcher {
  std::string prefix;
  storage::Revision from = 0;
  std::mutex mutex;
  std::vector<Change> accepted;
  std::vector<Change> refused;  // the rows of the last call, if it failed
  std::mt19937 random;
  std::uint32_t fails_of_ten = 0;
  bool is_out_of_order = false;
  std::unique_ptr<Probe> probe;
  Handle subscription = 0;

  Status Take(const registry::Request& request) {
    const std::lock_guard lock(mutex);
    const auto changes = Decode(request.payload);
    if (!refused.empty() && changes != refused) is_out_of_order = true;
    if (random() % 10 < fails_of_ten) {
      refused = changes;
      return Status(Code::kCallbackFailed, "again");
    }
    refused.clear();
    accepted.insert(accepted.end(), changes.begin(), changes.end());
    return {};
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return accepted.size();
  }
};

class WatchModelTest : public WatchFixture {
 protected:
  std::unique_ptr<Watcher> Attach(std::string prefix, storage::Revision from, unsigned seed) {
    auto watcher = std::make_unique<Watcher>();
    watcher->prefix = std::move(prefix);
    watcher->from = from;
    watcher->random.seed(seed);
    watcher->fails_of_ten = seed % 3 == 0 ? 5 : 0;
    const auto take = [raw = watcher.get()](const registry::Request& request, std::string*) {
      return raw->Take(request);
    };
    if (seed % 2 == 0) {
      watcher->probe = std::make_unique<Probe>(Probe::Native(owner_, take));
    } else {
      watcher->probe = std::make_unique<Probe>(
          Probe::Hosted(owner_, [take](std::unique_ptr<registry::AsyncCall> call) {
            const Status status = take(call->request, nullptr);
            call->Finish({status, registry::Certainty::kStarted, {}});
          }));
    }
    watcher->subscription = MustAttach(*watcher->probe, watcher->prefix, from);
    return watcher;
  }
};

TEST_F(WatchModelTest, S3_EveryWatchGetsEveryChangeInOrder) {
  const char* fixed = std::getenv("BELAY_TEST_SEED");
  const unsigned seed = fixed != nullptr ? static_cast<unsigned>(std::strtoul(fixed, nullptr, 0))
                                         : std::random_device{}();
  std::cout << "BELAY_TEST_SEED=" << seed << std::endl;
  std::mt19937 random(seed);
  const auto key = [&] {
    std::string made(1 + random() % 4, 'a');
    for (char& c : made) c = static_cast<char>('a' + random() % 3);
    return made;
  };
  std::vector<Change> history;
  std::vector<std::unique_ptr<Watcher>> watchers;
  std::vector<std::unique_ptr<Watcher>> detached;
  for (int step = 0; step < 4'000; ++step) {
    const auto what = random() % 100;
    if (what < 85) {
      const std::string put = key();
      const std::string value = std::to_string(step);
      const storage::Revision revision = store_->Put(put, value);
      history.push_back({revision, storage::RowKind::kPut, put, value});
    } else if (what < 90 && watchers.size() < 30) {
      const std::string prefix = random() % 4 == 0 ? "" : key().substr(0, 2);
      const storage::Revision current = history.size();
      const storage::Revision from = 1 + (random() % 2 == 0 ? current : random() % (current + 10));
      watchers.push_back(Attach(prefix, from, static_cast<unsigned>(random())));
    } else if (what < 92 && !watchers.empty()) {
      const auto victim = watchers.begin() + static_cast<long>(random() % watchers.size());
      const bool by_callback = random() % 2 == 0;
      EXPECT_TRUE((by_callback
                       ? Registry::Unregister((*victim)->probe->handle(), Code::kUnregistered)
                       : Registry::Release((*victim)->subscription))
                      .ok());
      detached.push_back(std::move(*victim));
      watchers.erase(victim);
    } else {
      clock_.AdvanceNs(static_cast<std::int64_t>(random() % 10'000'000'000));
    }
  }
  const auto expected = [&](const Watcher& watcher) {
    std::vector<Change> changes;
    for (const Change& change : history) {
      if (change.revision >= watcher.from && change.key.starts_with(watcher.prefix)) {
        changes.push_back(change);
      }
    }
    return changes;
  };
  for (const auto& watcher : watchers) {
    const auto all = expected(*watcher);
    EXPECT_TRUE(Eventually([&] {
      LetPass(10'000'000'000);
      // What the clock's own commits add under an empty prefix is no concern here.
      return watcher->count() >= all.size();
    })) << watcher->prefix;
  }
  EXPECT_TRUE(broker_->Close(kPatienceNs).ok());
  broker_ = nullptr;
  for (auto* group : {&watchers, &detached}) {
    for (const auto& watcher : *group) {
      EXPECT_FALSE(watcher->is_out_of_order);
      EXPECT_EQ(watcher->probe->releases(), 1);
      const auto all = expected(*watcher);
      auto got = watcher->accepted;
      std::erase_if(got, [](const Change& change) { return change.key == "~clock"; });
      ASSERT_LE(got.size(), all.size());
      EXPECT_TRUE(group == &detached || got.size() == all.size());
      EXPECT_TRUE(std::equal(got.begin(), got.end(), all.begin())) << watcher->prefix;
    }
  }
}

TEST_F(WatchModelTest, S3_AttachingAndDetachingBesideWritersLosesNothing) {
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    while (!stop.load()) store_->Put("a");
  });
  std::vector<std::thread> clients;
  for (unsigned client = 0; client < 3; ++client) {
    clients.emplace_back([&] {
      for (int round = 0; round < 100; ++round) {
        Mailbox<std::vector<Change>> mail;
        const Probe probe = Receiver(mail);
        const storage::Revision from = store_->CurrentRevision() + 1;
        const Handle subscription = MustAttach(probe, round % 2 == 0 ? "a" : "", from);
        storage::Revision next = from;
        while (next < from + 20) {
          const auto changes = mail.Take();
          ASSERT_TRUE(changes.has_value());
          for (const Change& change : *changes) ASSERT_EQ(change.revision, next++);
        }
        ASSERT_TRUE(Registry::Release(subscription).ok());
        ASSERT_TRUE(Registry::Unregister(probe.handle(), Code::kUnregistered).ok());
        ASSERT_TRUE(Registry::Drain(probe.handle(), kPatienceNs).ok());
        EXPECT_EQ(probe.releases(), 1);
      }
    });
  }
  for (std::thread& client : clients) client.join();
  stop.store(true);
  writer.join();
}

// Informative: the figure is printed, and only that idle watches read nothing of their own is checked.
TEST_F(WatchModelTest, S3_IdleWatchesCostNoReads) {
  constexpr int kCommits = 20'000;
  Mailbox<std::vector<Change>> mail;
  const Probe idle = Receiver(mail);
  const Probe active = Receiver(mail);
  const auto run = [&](const char* title) {
    const std::uint64_t reads = store_->history_reads();
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kCommits; ++i) store_->Put("b/" + std::to_string(i % 100));
    const std::chrono::duration<double, std::micro> spent =
        std::chrono::steady_clock::now() - begin;
    const std::uint64_t made = store_->history_reads() - reads;
    std::printf("%-22s %8.3f us per commit, %llu reads of history\n", title,
                spent.count() / kCommits, static_cast<unsigned long long>(made));
    return made;
  };
  run("no watch");
  MustAttach(active, "a/");
  run("one idle watch");
  for (int i = 0; i < 1'000; ++i) MustAttach(idle, "idle/" + std::to_string(i));
  EXPECT_LE(run("1,001 idle watches"), std::uint64_t{kCommits} + 1'000);
  store_->Put("a/1");
  EXPECT_EQ(TakeChanges(mail, 1).size(), 1U);
}

}  // namespace
}  // namespace belay::engine
