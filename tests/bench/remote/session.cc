// What a call costs over sessions, against a bare forwarder and NATS: how many a second, how long one takes, and
// what the broker spends on it.
#include <algorithm>
#include <string>
#include <vector>

#include "tests/bench/remote/belay.h"
#include "tests/bench/remote/forwarder.h"
#include "tests/bench/remote/groups.h"
#include "tests/bench/remote/peers/nats.h"
#include "tests/bench/remote/roles.h"
#include "tests/bench/remote/rounds.h"

namespace belay::bench {
namespace {

constexpr int kFew = 64;
constexpr int kMany = 1'024;

struct Sides {
  Echo& ours;
  Echo& forwarder;
  Nats& nats;
};

struct Figures {
  double ours;
  double forwarder;
  double nats;  // in the faster way
};

template <typename MakeRound>
Figures Compare(const Sides& sides, MakeRound make_round) {
  const auto ns =
      AlternateMedians(kRounds, {make_round(sides.ours), make_round(sides.forwarder),
                                 make_round(sides.nats.gathered), make_round(sides.nats.at_once)});
  return {ns[0], ns[1], std::min(ns[2], ns[3])};
}

void AddThroughputRows(Report& report, const Sides& sides) {
  const Figures few = Compare(sides, [](Echo& echo) { return LoadRound(echo, kFew); });
  report.Add(Reaching("session stream, 64 in flight", PerSecond(few.ours), "calls/s", 250'000));
  report.Add(Against("the same against NATS", PerSecond(few.ours), "calls/s", PerSecond(few.nats),
                     Keep::kAtLeast, 4));
  report.Add(Beside("the same against the bare forwarder", PerSecond(few.ours), "calls/s",
                    PerSecond(few.forwarder)));
  const Figures many = Compare(sides, [](Echo& echo) { return LoadRound(echo, kMany); });
  report.Add(Reaching("session stream, 1,024 in flight", PerSecond(many.ours), "calls/s", 1e6));
  report.Add(Against("the same against the bare forwarder", PerSecond(many.ours), "calls/s",
                     PerSecond(many.forwarder), Keep::kAtLeast, 0.5));
  report.Add(
      Beside("the same against NATS", PerSecond(many.ours), "calls/s", PerSecond(many.nats)));
}

void AddLatencyRows(Report& report, const Sides& sides) {
  const Figures waiting = Compare(sides, LatencyRound);
  report.Add(Against("one at a time, p50, against NATS", waiting.ours / 1e3, "us/call",
                     waiting.nats / 1e3, Keep::kAtMost, 1.0));
  report.Add(Against("the same against the bare forwarder", waiting.ours / 1e3, "us/call",
                     waiting.forwarder / 1e3, Keep::kAtMost, 4));
  const Figures chained = Compare(sides, [](Echo& echo) { return LoadRound(echo, 1); });
  report.Add(Beside("one at a time, each begun where the last one's answer is told, against NATS",
                    chained.ours / 1e3, "us/call", chained.nats / 1e3));
}

}  // namespace

void SessionRows(Report& report, const std::string& belayd) {
  const BelayBroker broker(belayd);
  const RoleProcess host("belay_host", broker.target());
  SessionEcho ours(broker.target());
  ForwarderEcho forwarder;
  Nats nats;
  const Sides sides{ours, forwarder, nats};
  AddThroughputRows(report, sides);
  AddLatencyRows(report, sides);
  const auto cpu_ns = AlternateMedians(
      kRounds, {CpuRound(ours, kFew, broker.pid()), CpuRound(forwarder, kFew, forwarder.broker())});
  report.Add(
      Within("processor time of the broker per call, 64 in flight", cpu_ns[0] / 1e3, "us/call", 3));
  report.Add(Plain("control: the same of the bare forwarder", cpu_ns[1] / 1e3, "us/call"));
}

}  // namespace belay::bench
