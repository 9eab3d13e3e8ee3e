// A belayd under load while its hooks misbehave, all at once: a watch that is slow, a validator that refuses
// everything, a validator whose host hangs and is killed, again and again (S3, R14, W7).
//
// Limits
//   - A write that no hook wants to see is answered within kLongestWrite, and never refused.
//   - One that the refusing validator sees is REJECTED, each.
//   - One that the hanging validator sees is answered within kLongestWrite, and is committed or VALIDATOR_FAILED.
//   - The memory of belayd stays below kMostMemoryMib, and grows by no more than kMostGrowthMib once it is warm.
//   - The slow watch is told all there is in the end.
//
// BELAY_SOAK_SECONDS says how long; kSeconds if not. Argument: the path of belayd. As "hang TARGET" it is the
// host that is killed.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "belay/client/client.h"
#include "belay/client/store.h"
#include "tests/integration/client_fixture.h"

namespace belay::client {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr int kSeconds = 5;
constexpr int kWriters = 2;
constexpr int kKeys = 5'000;  // of each writer
constexpr auto kLongestWrite = 5s;
constexpr std::uint32_t kQuestionMs = 100;  // how long the hanging validator may take
constexpr long kMostMemoryMib = 200;
constexpr long kMostGrowthMib = 64;

std::string own_path;

std::chrono::seconds Duration() {
  const char* given = std::getenv("BELAY_SOAK_SECONDS");
  return std::chrono::seconds(given != nullptr ? std::atoi(given) : kSeconds);
}

// How a kind of write went: what ended it, and the longest that one took.
class Tally {
 public:
  void Note(const Result<std::uint64_t>& written, Clock::duration took) {
    const std::lock_guard lock(mutex_);
    ++outcomes_[written.ok() ? "OK" : written.status().reason];
    longest_ = std::max(longest_, took);
  }
  // Of one that ended with any of these alone, and each in time.
  void ExpectOnly(const std::string& what, const std::vector<std::string>& allowed) const {
    for (const auto& [outcome, count] : outcomes_) {
      std::cout << what << ": " << count << " " << outcome << std::endl;
      EXPECT_NE(std::find(allowed.begin(), allowed.end(), outcome), allowed.end())
          << what << " ended with " << outcome;
    }
    std::cout << what << ": the longest took "
              << std::chrono::duration_cast<std::chrono::milliseconds>(longest_).count() << " ms"
              << std::endl;
    EXPECT_FALSE(outcomes_.empty()) << what;
    EXPECT_LT(longest_, kLongestWrite) << what;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::uint64_t> outcomes_;
  Clock::duration longest_{};
};

class StoreLoad : public ::testing::Test {
 protected:
  Client MustConnect(ClientOptions options = {}) {
    Result<Client> client = Client::Connect(belayd_.target(), std::move(options));
    EXPECT_TRUE(client.ok()) << client.status().ToString();
    return *std::move(client);
  }

  // Until the end: writes keys that begin with `prefix`, now and then durably.
  void WriteAll(const std::string& prefix, Tally* tally) {
    const Client client = MustConnect();
    const Store store = client.store();
    for (int i = 0; !is_over_; ++i) {
      const WriteOptions options = {.async = i % 16 != 0};
      const auto begun = Clock::now();
      const Result<std::uint64_t> written =
          store.Put(prefix + std::to_string(i % kKeys), std::string(100, 'v'), options);
      tally->Note(written, Clock::now() - begun);
    }
  }
  // Until the end: a host that hangs is started, and killed when it has been asked a while.
  void KillHosts(int* killed) {
    const Client client = MustConnect();
    while (!is_over_) {
      testing::Child host({own_path, "hang", belayd_.target()});
      (void)Eventually([&] { return is_over_ || client.store().Get("hanging").ok(); });
      (void)Eventually([until = Clock::now() + 300ms] { return Clock::now() >= until; });
      host.Signal(SIGKILL);
      EXPECT_TRUE(client.store().Delete("hanging").ok() || is_over_);
      ++*killed;
    }
  }
  long MemoryMib() const {
    std::ifstream status("/proc/" + std::to_string(belayd_.pid()) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmRSS:")) return std::atol(line.c_str() + 6) / 1024;
    }
    return 0;
  }

  testing::Belayd belayd_{BelaydPath(),
                          {"--store-write-buffer-bytes=8388608",
                           "--store-block-cache-bytes=8388608", "--store-history-bytes=16777216"}};
  std::atomic<bool> is_over_{false};
};

TEST_F(StoreLoad, S3_R14_HooksThatMisbehaveHoldUpNobodyElse) {
  // The watch: slow as long as the load lasts.
  std::atomic<std::uint64_t> last_seen{0};
  std::atomic<std::uint64_t> states{0};
  Client watcher = MustConnect({.executor = ThreadExecutor(1)});
  Result<Handle> slow = watcher.Register(Sync([&](const Request& request) -> Result<std::string> {
    RowReader rows(request.payload);
    for (Row row; rows.Next(row);) {
      if (row.kind == RowKind::kSynced) ++states;
      last_seen = std::max<std::uint64_t>(last_seen, row.revision);
    }
    if (!is_over_) std::this_thread::sleep_for(300ms);  // what is slow about it
    return std::string();
  }));
  ASSERT_TRUE(slow.ok());
  Result<Handle> watch = watcher.store().AttachWatch(
      slow->id(), {.range = {.prefix = "load/"}, .old_values = true, .lag_limit = 50});
  ASSERT_TRUE(watch.ok()) << watch.status().ToString();
  // The validator that refuses everything.
  Client guard = MustConnect({.executor = ThreadExecutor(1)});
  Result<Handle> refuse =
      guard.Register(Validate([](const Row&) { return Status(Code::kInternal, "broken"); }));
  Result<Handle> guarded =
      guard.store().AttachValidator(refuse->id(), {.prefix = "guarded/", .old_values = true});
  ASSERT_TRUE(guarded.ok()) << guarded.status().ToString();

  Tally free_writes;
  Tally guarded_writes;
  Tally held_writes;
  int killed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, i] { WriteAll("load/" + std::to_string(i) + "/", &free_writes); });
  }
  threads.emplace_back([&] { WriteAll("guarded/", &guarded_writes); });
  threads.emplace_back([&] { WriteAll("held/", &held_writes); });
  threads.emplace_back([&] { KillHosts(&killed); });

  const auto begun = Clock::now();
  const auto until = [](Clock::time_point end) {
    while (Clock::now() < end) std::this_thread::sleep_for(100ms);  // the load's, which time bounds
  };
  until(begun + Duration() / 3);
  const long warm_mib = MemoryMib();
  until(begun + Duration());
  const long end_mib = MemoryMib();
  is_over_ = true;
  for (std::thread& thread : threads) thread.join();

  free_writes.ExpectOnly("a write that no hook sees", {"OK"});
  guarded_writes.ExpectOnly("a write that is refused", {"REJECTED"});
  held_writes.ExpectOnly("a write that is held up", {"OK", "VALIDATOR_FAILED"});
  std::cout << "memory of belayd: " << warm_mib << " MiB warm, " << end_mib << " MiB at the end; "
            << killed << " hosts killed; the watch was told the state " << states << " times"
            << std::endl;
  EXPECT_GT(killed, 0);
  EXPECT_LT(end_mib, kMostMemoryMib);
  EXPECT_LT(end_mib - warm_mib, kMostGrowthMib);
  EXPECT_GT(states, 0U) << "it was not slow enough to show anything";
  Client writer = MustConnect();
  const Result<std::uint64_t> last = writer.Put("load/last", "v");
  ASSERT_TRUE(last.ok());
  EXPECT_TRUE(Eventually([&] { return last_seen >= *last; })) << last_seen << " of " << *last;
}

// A client that attaches a validator, says so by a key, and never answers.
int Hang(const std::string& target) {
  Result<Client> client = Client::Connect(target, {.executor = ThreadExecutor(1)});
  if (!client.ok()) return 1;
  std::vector<Responder> unanswered;
  Result<Handle> rule = client->Register(
      [&](const Request&, Responder responder) { unanswered.push_back(std::move(responder)); });
  if (!rule.ok()) return 1;
  const Result<Handle> guard =
      client->store().AttachValidator(rule->id(), {.prefix = "held/", .timeout_ms = kQuestionMs});
  if (!guard.ok() || !client->Put("hanging", "").ok()) return 1;
  (void)getchar();  // until killed, or whoever started it has gone
  return 0;
}

}  // namespace
}  // namespace belay::client

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "hang") return belay::client::Hang(argv[2]);
  ::testing::InitGoogleTest(&argc, argv);
  if (argc != 2) return 2;
  belay::client::own_path = argv[0];
  belay::client::BelaydPath() = argv[1];
  return RUN_ALL_TESTS();
}
