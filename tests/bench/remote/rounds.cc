#include "tests/bench/remote/rounds.h"

#include <algorithm>
#include <vector>

#include "tests/bench/process.h"

namespace belay::bench {
namespace {

constexpr double kRoundNs = 0.33e9;
constexpr double kWarmUpNs = 0.1e9;
constexpr int kCallsOneAtATime = 2'000;

int CallsOfARound(Echo& echo, int in_flight) {
  for (int calls = in_flight;; calls *= 2) {
    const double ns = NsPerCall(1, [&] { echo.Call(in_flight, calls); });
    if (ns >= kWarmUpNs) return std::max(in_flight, static_cast<int>(kRoundNs / ns * calls));
  }
}

}  // namespace

Round LoadRound(Echo& echo, int in_flight) {
  const int calls = CallsOfARound(echo, in_flight);
  return [&echo, in_flight, calls] {
    return NsPerCall(1, [&] { echo.Call(in_flight, calls); }) / calls;
  };
}

Round CpuRound(Echo& echo, int in_flight, pid_t broker) {
  const int calls = CallsOfARound(echo, in_flight);
  return [&echo, in_flight, broker, calls] {
    const double before_ns = ProcessorNs(broker);
    echo.Call(in_flight, calls);
    return (ProcessorNs(broker) - before_ns) / calls;
  };
}

Round LatencyRound(Echo& echo) {
  for (int i = 0; i < kCallsOneAtATime; ++i) echo.CallOnce();
  return [&echo] {
    std::vector<double> latencies_ns;
    for (int i = 0; i < kCallsOneAtATime; ++i)
      latencies_ns.push_back(NsPerCall(1, [&] { echo.CallOnce(); }));
    return Percentile(std::move(latencies_ns), 50);
  };
}

}  // namespace belay::bench
