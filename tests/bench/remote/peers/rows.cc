// What other brokers carry of the same calls, each by its own C library, beside a session of Belay's.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/remote/belay.h"
#include "tests/bench/remote/groups.h"
#include "tests/bench/remote/peers/dbus.h"
#include "tests/bench/remote/peers/nats.h"
#include "tests/bench/remote/peers/redis.h"
#include "tests/bench/remote/roles.h"
#include "tests/bench/remote/rounds.h"

namespace belay::bench {
namespace {

struct Side {
  std::string name;
  Echo& echo;
};

// A row for each side but the first, beside which all are. `figure`: of a round, in `unit`.
template <typename MakeRound, typename Figure>
void AddRows(Report& report, const std::string& what, const std::string& unit,
             const std::vector<Side>& sides, MakeRound make_round, Figure figure) {
  std::vector<Round> rounds;
  for (const Side& side : sides) rounds.push_back(make_round(side.echo));
  const auto ns = AlternateMedians(kRounds, rounds);
  for (std::size_t i = 1; i < sides.size(); ++i) {
    report.Add(Beside("peer: " + sides[i].name + ": " + what, figure(ns[i]), unit, figure(ns[0])));
  }
}

}  // namespace

void PeerRows(Report& report, const std::string& belayd) {
  const BelayBroker broker(belayd);
  const RoleProcess host("belay_host", broker.target());
  SessionEcho ours(broker.target());
  Nats nats;
  const RedisServer redis;
  RedisEcho redis_lists(redis, RedisWay::kLists);
  RedisEcho redis_channels(redis, RedisWay::kPublishSubscribe);
  const DBusDaemon bus;
  DBusEcho dbus(bus);
  const std::vector<Side> sides = {{"Belay", ours},
                                   {"NATS", nats.gathered},
                                   {"NATS, sending at once", nats.at_once},
                                   {"Redis, lists", redis_lists},
                                   {"Redis, publish and subscribe", redis_channels},
                                   {"dbus-daemon", dbus}};
  for (const auto& [in_flight, what] :
       {std::pair{64, "64 in flight"}, std::pair{1'024, "1,024 in flight"}}) {
    AddRows(
        report, what, "calls/s", sides,
        [in_flight](Echo& echo) { return LoadRound(echo, in_flight); }, PerSecond);
  }
  AddRows(report, "one at a time, p50", "us/call", sides, LatencyRound,
          [](double ns) { return ns / 1e3; });
}

}  // namespace belay::bench
