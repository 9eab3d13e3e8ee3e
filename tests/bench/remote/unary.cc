// Calls without a session: each a gRPC call of its own, to a host that has one.
#include <algorithm>
#include <string>

#include "tests/bench/remote/belay.h"
#include "tests/bench/remote/groups.h"
#include "tests/bench/remote/peers/nats.h"
#include "tests/bench/remote/roles.h"
#include "tests/bench/remote/rounds.h"
#include "tests/bench/remote/unary_echo.h"

namespace belay::bench {
namespace {

constexpr int kInFlight = 64;

}  // namespace

void UnaryRows(Report& report, const std::string& belayd) {
  const BelayBroker broker(belayd);
  const RoleProcess host("belay_host", broker.target());
  UnaryEcho unary(broker.target());
  Nats nats;
  const auto ns =
      AlternateMedians(kRounds, {LoadRound(unary, kInFlight), LoadRound(nats.gathered, kInFlight),
                                 LoadRound(nats.at_once, kInFlight)});
  report.Add(Against("unary gRPC caller, 64 in flight, against NATS", PerSecond(ns[0]), "calls/s",
                     PerSecond(std::min(ns[1], ns[2])), Keep::kAtLeast, 1.2));
  const auto one_ns = AlternateMedians(kRounds, {LatencyRound(unary)});
  report.Add(Plain("unary gRPC caller, one at a time, p50", one_ns[0] / 1e3, "us/call"));
}

}  // namespace belay::bench
