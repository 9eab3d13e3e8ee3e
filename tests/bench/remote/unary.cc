// Calls without a session: each a gRPC call of its own, to a host that has one.
#include <string>

#include "tests/bench/remote/belay.h"
#include "tests/bench/remote/groups.h"
#include "tests/bench/remote/roles.h"
#include "tests/bench/remote/rounds.h"
#include "tests/bench/remote/unary_echo.h"

namespace belay::bench {

void UnaryRows(Report& report, const std::string& belayd) {
  const BelayBroker broker(belayd);
  const RoleProcess host("belay_host", broker.target());
  UnaryEcho unary(broker.target());
  const auto ns = AlternateMedians(kRounds, {LoadRound(unary, 64)});
  report.Add(Plain("unary gRPC caller, 64 in flight", PerSecond(ns[0]), "calls/s"));
  const auto one_ns = AlternateMedians(kRounds, {LatencyRound(unary)});
  report.Add(Plain("the same, one at a time, p50", one_ns[0] / 1e3, "us/call"));
}

}  // namespace belay::bench
