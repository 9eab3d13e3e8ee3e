// What a thousand sessions with a hundred callbacks each cost the broker, in time, memory and processor time.
//
// All are clients of this process, with a thread each, as the client library has it: that is the programs' cost
// and not counted. The broker's memory is what the kernel says (process_memory.h), before and after, when it has
// come to rest. Over a unix socket a session has neither grace nor lease unless it asks for them: an idle one
// sends nothing.
#include <sys/resource.h>

#include <chrono>
#include <latch>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/bench/process.h"
#include "tests/bench/process_memory.h"
#include "tests/bench/remote/belay.h"
#include "tests/bench/remote/groups.h"
#include "tests/bench/timing.h"

namespace belay::bench {
namespace {

constexpr int kSessions = 1'000;
constexpr int kCallbacksEach = 100;
constexpr int kCallbacks = kSessions * kCallbacksEach;
constexpr std::chrono::seconds kIdle(5);

struct Program {
  client::Client client;
  std::vector<client::Handle> callbacks;
};

// A connection takes this process several descriptors.
void RaiseDescriptorLimit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::vector<Program> ConnectAll(const std::string& target) {
  std::vector<Program> programs;
  for (int i = 0; i < kSessions; ++i) {
    programs.push_back({MustConnect(target, "program " + std::to_string(i)), {}});
    programs.back().callbacks.reserve(kCallbacksEach);
  }
  return programs;
}

// Returns when the broker has answered all of them.
void RegisterAll(std::vector<Program>& programs) {
  std::latch unanswered(kCallbacks);
  for (Program& program : programs) {
    for (int i = 0; i < kCallbacksEach; ++i) {
      program.client.RegisterAsync(
          [](const client::Request&, client::Responder responder) { responder.Reply({}); },
          {.label = "listener", .site = "scale.cc:1"},
          [&program, &unanswered](client::Result<client::Handle> callback) {
            program.callbacks.push_back(Must(std::move(callback)));
            unanswered.count_down();
          });
    }
  }
  unanswered.wait();
}

double PerOne(std::uint64_t before_bytes, std::uint64_t after_bytes, int count) {
  return (static_cast<double>(after_bytes) - static_cast<double>(before_bytes)) / count;
}

double IdlePercent(pid_t broker) {
  const double before_ns = ProcessorNs(broker);
  std::this_thread::sleep_for(kIdle);
  return (ProcessorNs(broker) - before_ns) / std::chrono::nanoseconds(kIdle).count() * 100;
}

}  // namespace

void ScaleRows(Report& report, const std::string& belayd) {
  RaiseDescriptorLimit();
  const BelayBroker broker(belayd);
  {  // what the broker allocates once
    client::Client first = MustConnect(broker.target(), "first");
    HostEcho(first, kEchoName);
  }
  WaitUntilAtRest(broker.pid());

  const std::uint64_t empty_bytes = ProcessBytes(broker.pid());
  std::vector<Program> programs;
  const double connecting_s = NsPerCall(1, [&] { programs = ConnectAll(broker.target()); }) / 1e9;
  WaitUntilAtRest(broker.pid());
  const std::uint64_t connected_bytes = ProcessBytes(broker.pid());
  const double registering_s = NsPerCall(1, [&] { RegisterAll(programs); }) / 1e9;
  WaitUntilAtRest(broker.pid());
  const std::uint64_t registered_bytes = ProcessBytes(broker.pid());

  report.Add(
      Within("1,000 sessions one after the other, then 100,000 callbacks at once, until all "
             "are registered",
             connecting_s + registering_s, "s", 10));
  report.Add(Plain("the callbacks of it", registering_s, "s"));
  report.Add(Within("memory of the broker per session",
                    PerOne(empty_bytes, connected_bytes, kSessions) / 1'024, "KiB/session", 40));
  report.Add(Within("memory of the broker per callback",
                    PerOne(connected_bytes, registered_bytes, kCallbacks), "bytes/callback", 400));
  report.Add(Within("processor use of the broker with all of them idle", IdlePercent(broker.pid()),
                    "%", 2));
}

}  // namespace belay::bench
