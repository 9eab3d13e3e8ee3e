// What a call costs over sessions, against a bare forwarder: how many a second, how long one takes, and what
// the broker spends on it.
#include <string>
#include <vector>

#include "tests/bench/remote/belay.h"
#include "tests/bench/remote/forwarder.h"
#include "tests/bench/remote/groups.h"
#include "tests/bench/remote/roles.h"
#include "tests/bench/remote/rounds.h"

namespace belay::bench {
namespace {

constexpr int kFew = 64;
constexpr int kMany = 1'024;

void AddThroughputRows(Report& report, Echo& ours, Echo& forwarder) {
  const auto few = AlternateMedians(kRounds, {LoadRound(ours, kFew), LoadRound(forwarder, kFew)});
  report.Add(Reaching("session stream, 64 in flight", PerSecond(few[0]), "calls/s", 250'000));
  report.Add(Beside("the same against the bare forwarder", PerSecond(few[0]), "calls/s",
                    PerSecond(few[1])));
  const auto many =
      AlternateMedians(kRounds, {LoadRound(ours, kMany), LoadRound(forwarder, kMany)});
  report.Add(Reaching("session stream, 1,024 in flight", PerSecond(many[0]), "calls/s", 1e6));
  report.Add(Against("the same against the bare forwarder", PerSecond(many[0]), "calls/s",
                     PerSecond(many[1]), Keep::kAtLeast, 0.5));
}

void AddLatencyRows(Report& report, Echo& ours, Echo& forwarder) {
  const auto ns = AlternateMedians(kRounds, {LatencyRound(ours), LatencyRound(forwarder)});
  report.Add(Against("one at a time, p50, against the bare forwarder", ns[0] / 1e3, "us/call",
                     ns[1] / 1e3, Keep::kAtMost, 4));
  const auto next = AlternateMedians(kRounds, {LoadRound(ours, 1)});
  report.Add(
      Plain("the same, each begun where the last one's answer is told", next[0] / 1e3, "us/call"));
}

}  // namespace

void SessionRows(Report& report, const std::string& belayd) {
  const BelayBroker broker(belayd);
  const RoleProcess host("belay_host", broker.target());
  SessionEcho ours(broker.target());
  ForwarderEcho forwarder;
  AddThroughputRows(report, ours, forwarder);
  AddLatencyRows(report, ours, forwarder);
  const auto cpu_ns = AlternateMedians(
      kRounds, {CpuRound(ours, kFew, broker.pid()), CpuRound(forwarder, kFew, forwarder.broker())});
  report.Add(
      Within("processor time of the broker per call, 64 in flight", cpu_ns[0] / 1e3, "us/call", 3));
  report.Add(Plain("control: the same of the bare forwarder", cpu_ns[1] / 1e3, "us/call"));
}

}  // namespace belay::bench
