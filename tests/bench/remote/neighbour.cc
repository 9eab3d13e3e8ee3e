// What a caller with one call at a time notices of a neighbour that floods the broker.
//
// The neighbour is another program: connections of its own, and a host of its own, so that the two meet in
// the broker alone (and where there are fewer processors than processes, there).
#include <string>
#include <vector>

#include "tests/bench/process.h"
#include "tests/bench/remote/belay.h"
#include "tests/bench/remote/groups.h"
#include "tests/bench/remote/roles.h"
#include "tests/bench/timing.h"

namespace belay::bench {
namespace {

constexpr int kTurns = 5;
constexpr int kCallsPerTurn = 1'000;
constexpr int kFloodInFlight = 1'024;
constexpr int kFloodCalls = 100'000;  // of one of the flood's endless rounds

void AddLatenciesUs(Echo& echo, std::vector<double>& latencies_us) {
  for (int i = 0; i < kCallsPerTurn; ++i)
    latencies_us.push_back(NsPerCall(1, [&] { echo.CallOnce(); }) / 1e3);
}

}  // namespace

void NeighbourRows(Report& report, const std::string& belayd) {
  const BelayBroker broker(belayd);
  const RoleProcess host("belay_host", broker.target());
  SessionEcho modest(broker.target());
  std::vector<double> alone_us;
  std::vector<double> beside_us;
  for (int turn = 0; turn < kTurns; ++turn) {
    WaitUntilAtRest(broker.pid());
    AddLatenciesUs(modest, alone_us);
    const RoleProcess flood("belay_flood", broker.target());
    AddLatenciesUs(modest, beside_us);
  }
  report.Add(Against("a caller's p99 beside one with 1,024 in flight, against it alone",
                     Percentile(beside_us, 99), "us/call", Percentile(alone_us, 99), Keep::kAtMost,
                     2));
  report.Add(
      Beside("the same, p50", Percentile(beside_us, 50), "us/call", Percentile(alone_us, 50)));
}

int FloodBelay(const std::string& target) {
  client::Client host = MustConnect(target, "flooding host");
  const client::Handle echo = HostEcho(host, "bench/flooded");
  SessionEcho flood(target, "bench/flooded");
  flood.Call(kFloodInFlight, kFloodCalls);  // warm
  SayReady();
  for (;;) flood.Call(kFloodInFlight, kFloodCalls);
}

}  // namespace belay::bench
