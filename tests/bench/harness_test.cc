// What the figures of every suite rest on: who takes turns with whom, which sample is a percentile, what a
// row says, and what the kernel says of a process.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <latch>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/child.h"
#include "tests/bench/process.h"
#include "tests/bench/process_memory.h"
#include "tests/bench/report.h"
#include "tests/bench/suite.h"
#include "tests/bench/threads.h"
#include "tests/bench/timing.h"

namespace belay::bench {
namespace {

TEST(Timing, SidesTakeTurnsAndEachKeepsItsBestRound) {
  std::string turns;
  std::vector<double> first{5, 3, 4};
  std::vector<double> second{7, 8, 6};
  std::size_t round = 0;
  const auto best = Alternate(3, {[&] {
                                    turns += 'a';
                                    return first[round];
                                  },
                                  [&] {
                                    turns += 'b';
                                    return second[round++];
                                  }});
  EXPECT_EQ(turns, "ababab");
  EXPECT_EQ(best, (std::vector<double>{3, 6}));
}

TEST(Timing, AMedianRoundIsNeitherTheBestNorTheWorst) {
  std::vector<double> first{5, 30, 4};
  std::vector<double> second{7, 1, 6};
  std::size_t round = 0;
  const auto medians =
      AlternateMedians(3, {[&] { return first[round]; }, [&] { return second[round++]; }});
  EXPECT_EQ(medians, (std::vector<double>{5, 6}));
}

TEST(Timing, ARoundMakesEveryCallAndBeginsAnew) {
  int made = 0;
  std::vector<int> seen;
  const Round round = RoundOf(3, [&made, &seen, next = 0]() mutable {
    ++made;
    seen.push_back(next++);
  });
  EXPECT_GT(round(), 0);
  round();
  EXPECT_EQ(made, 6);
  EXPECT_EQ(seen, (std::vector<int>{0, 1, 2, 0, 1, 2}));
}

TEST(Timing, PercentileIsTheSmallestSampleThatEnoughDoNotExceed) {
  std::vector<double> hundred;
  for (int i = 100; i >= 1; --i) hundred.push_back(i);
  EXPECT_EQ(Percentile(hundred, 99), 99);
  EXPECT_EQ(Percentile(hundred, 50), 50);
  EXPECT_EQ(Percentile(hundred, 100), 100);
  EXPECT_EQ(Percentile({1, 2, 3}, 50), 2);
  EXPECT_EQ(Percentile({4}, 1), 4);
}

TEST(Threads, EachRunsOnAProcessorOfItsOwn) {
  std::mutex mutex;
  std::multiset<int> processors;
  const int threads = Processors();
  std::latch all(threads);
  NsPerCallTogether(threads, 1, [&] {
    all.arrive_and_wait();
    cpu_set_t set;
    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof set, &set);
    EXPECT_EQ(CPU_COUNT(&set), 1);
    const std::lock_guard lock(mutex);
    for (std::size_t i = 0; i < CPU_SETSIZE; ++i) {
      if (CPU_ISSET(i, &set)) processors.insert(static_cast<int>(i));
    }
    return [] {};
  });
  EXPECT_EQ(processors.size(), static_cast<std::size_t>(threads));
  EXPECT_EQ(std::set<int>(processors.begin(), processors.end()).size(), processors.size());
}

TEST(Threads, TogetherEveryThreadMakesItsCallsAndOneBefore) {
  std::atomic<int> made{0};
  EXPECT_GT(NsPerCallTogether(1, 10, [&] { return [&] { made.fetch_add(1); }; }), 0);
  EXPECT_EQ(made.load(), 11);
}

TEST(Threads, ManyMakeTheirCallsEachAsItself) {
  constexpr int kThreads = 16;
  std::array<std::atomic<int>, kThreads> made{};
  EXPECT_GT(NsPerCallOfMany(kThreads, 10,
                            [&made](int t) {
                              return
                                  [&own = made[static_cast<std::size_t>(t)]] { own.fetch_add(1); };
                            }),
            0);
  for (const std::atomic<int>& calls : made) EXPECT_EQ(calls.load(), 10);
}

TEST(Threads, OneThatWasHeldUpCountsAgainstAll) {
  const auto at = [](int ns) { return SteadyClock::time_point(std::chrono::nanoseconds(ns)); };
  EXPECT_EQ(NsOfAll({{at(0), at(10)}, {at(0), at(10)}}), 10);
  EXPECT_EQ(NsOfAll({{at(10), at(20)}, {at(0), at(10)}}), 20);
}

TEST(Threads, BusyOnesCallUntilTheyAreDestroyed) {
  std::atomic<std::uint64_t> calls{0};
  {
    const BusyThreads busy(1, [&](int) {
      return [&] {
        calls.fetch_add(1);
        calls.notify_all();
      };
    });
    for (std::uint64_t seen = calls.load(); seen < 1000; seen = calls.load()) calls.wait(seen);
  }
  const std::uint64_t after = calls.load();
  EXPECT_GE(after, 1000U);
  EXPECT_EQ(calls.load(), after);
}

TEST(Rows, ABudgetDecidesOnTheRatioOrWithoutOneOnTheValue) {
  EXPECT_TRUE(Against("a", 3, "ns/call", 2, Keep::kAtMost, 1.5).within);
  EXPECT_FALSE(Against("a", 3.1, "ns/call", 2, Keep::kAtMost, 1.5).within);
  EXPECT_TRUE(Against("a", 4, "calls/s", 2, Keep::kAtLeast, 2).within);
  EXPECT_FALSE(Against("a", 3.9, "calls/s", 2, Keep::kAtLeast, 2).within);
  EXPECT_TRUE(Within("a", 128, "bytes", 128).within);
  EXPECT_FALSE(Within("a", 129, "bytes", 128).within);
  EXPECT_TRUE(Reaching("a", 5, "events/s", 5).within);
  EXPECT_FALSE(Reaching("a", 4, "events/s", 5).within);
}

TEST(Rows, AreOneLineOfJson) {
  EXPECT_EQ(ToJson(Against("a", 3, "ns/call", 2, Keep::kAtMost, 1.25)),
            R"({"name": "a", "value": 3, "unit": "ns/call", "baseline": 2, "ratio": 1.5, )"
            R"("budget": 1.25, "within": false})");
  EXPECT_EQ(ToJson(Plain("b", 0.5, "ms")),
            R"({"name": "b", "value": 0.5, "unit": "ms", "baseline": null, "ratio": null, )"
            R"("budget": null, "within": true})");
}

TEST(Rows, OfSeveralProcessesComeOneAfterTheOther) {
  const std::string path = testing::TempDir() + "/rows.jsonl";
  std::remove(path.c_str());  // of an earlier run by hand
  ASSERT_EQ(setenv("BELAY_BENCH_OUT", path.c_str(), 1), 0);
  for (const char* name : {"first", "second"}) Report().Add(Plain(name, 1, "ns"));
  ASSERT_EQ(unsetenv("BELAY_BENCH_OUT"), 0);
  std::ifstream in(path);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  EXPECT_EQ(text, ToJson(Plain("first", 1, "ns")) + "\n" + ToJson(Plain("second", 1, "ns")) + "\n");
}

TEST(ProcessMemory, AFieldIsFoundByItsWholeName) {
  const char* text =
      "00400000-00452000 ---p 00000000 [rollup]\nRss_x: 7 kB\nPssRss:  9 kB\nRss:      1632 kB\n";
  EXPECT_EQ(KernelField(text, "Rss"), 1632U * 1024);
  EXPECT_EQ(KernelField(text, "Rss_x"), 7U * 1024);
  EXPECT_EQ(KernelField(text, "Swap"), std::nullopt);
  EXPECT_EQ(KernelField("Rss: many kB\n", "Rss"), std::nullopt);
  EXPECT_EQ(KernelField("Rss: 12\n", "Rss"), std::nullopt);
  EXPECT_EQ(KernelField("Rss:", "Rss"), std::nullopt);
}

TEST(ProcessMemory, GrowsByWhatIsWrittenTo) {
  constexpr std::uint64_t kBytes = 64 << 20;
  const std::uint64_t before = ProcessBytes(getpid());
  const std::vector<char> written(kBytes, 'x');
  const char* seen = Opaque(written.data());  // or the compiler leaves out what nobody reads
  EXPECT_GE(ProcessBytes(getpid()), before + kBytes);
  EXPECT_GE(PeakProcessBytes(), kBytes);
  EXPECT_EQ(seen[kBytes - 1], 'x');
}

TEST(Process, TellsHowAProgramEnded) {
  EXPECT_EQ(RunProgram({"/bin/sh", "-c", "exit 3"}), 3);
  EXPECT_EQ(RunProgram({"/bin/sh", "-c", "kill -9 $$"}), 128 + 9);
  EXPECT_EXIT(RunProgram({"/no/such/program"}), testing::ExitedWithCode(2), "/no/such/program");
}

TEST(Process, AChildTellsAndIsKilled) {
  Child child({"/bin/sh", "-c", "echo $$; while :; do :; done"});
  const int pid = std::stoi(child.ReadLine());
  EXPECT_EQ(kill(pid, 0), 0);
  child.Kill();
  EXPECT_EQ(kill(pid, 0), -1);
  child.Kill();
}

TEST(Process, AChildEndsWithTheProcessThatStartedIt) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);  // inherited by both
  const pid_t starter = fork();
  if (starter == 0) {
    Child child({"/bin/sh", "-c", "echo up; exec sleep 1000"});
    child.ReadLine();
    _exit(0);
  }
  close(ends[1]);
  EXPECT_EQ(waitpid(starter, nullptr, 0), starter);
  char byte = 0;
  EXPECT_EQ(read(ends[0], &byte, 1), 0);  // nobody has the other end any more
  close(ends[0]);
}

TEST(Process, TellsTheTimeThatAnotherHasUsed) {
  Child busy({"/bin/sh", "-c", "echo up; while :; do :; done"});
  busy.ReadLine();
  const pid_t pid = busy.pid();
  const double before_ns = ProcessorNs(pid);
  while (ProcessorNs(pid) < before_ns + 1e6) std::this_thread::yield();
  busy.Kill();
  EXPECT_EXIT(ProcessorNs(pid), testing::ExitedWithCode(2), "processor time of process");
}

TEST(Process, AChildThatEndsBeforeItTellsIsAnError) {
  EXPECT_EXIT(Child({"/bin/sh", "-c", "printf half"}).ReadLine(), testing::ExitedWithCode(2),
              "ended before");
  EXPECT_EXIT(Child({"/no/such/program"}), testing::ExitedWithCode(2), "/no/such/program");
}

TEST(Process, IsAtRestWhenItsThreadsAre) {
  std::atomic<bool> done{false};
  std::latch begun(1);
  const std::jthread busy([&] {
    const auto end = SteadyClock::now() + std::chrono::seconds(1);
    begun.count_down();
    while (SteadyClock::now() < end) {
    }
    done.store(true);
  });
  begun.wait();
  WaitUntilAtRest(getpid());
  EXPECT_TRUE(done.load());
}

TEST(Suite, RunsTheGroupThatIsAskedFor) {
  std::string ran;
  const Suite suite{.name = "suite",
                    .groups = {{"first", [&ran](Report&) { ran += "first"; }},
                               {"second", [&ran](Report&) { ran += "second"; }}},
                    .options = {}};
  EXPECT_EQ(RunSuite(suite, {"--only", "second"}), 0);
  EXPECT_EQ(ran, "second");
  EXPECT_EQ(RunSuite(suite, {"--only", "third"}), 2);
  EXPECT_EQ(RunSuite(suite, {"--second"}), 2);
  EXPECT_EQ(ran, "second");
}

}  // namespace
}  // namespace belay::bench
