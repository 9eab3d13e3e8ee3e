// Whether callers of one callback get in each other's way: two threads that invoke through one handle,
// against one thread. What the machine itself allows is the bare shim's row, where nothing is shared.
#include "tests/bench/broker.h"
#include "tests/bench/groups.h"
#include "tests/bench/shim.h"
#include "tests/bench/threads.h"
#include "tests/bench/timing.h"

namespace belay::bench {
namespace {

// Short, for to have both processors for longer takes luck.
constexpr int kRounds = 2500;
constexpr int kCallsPerRound = 50'000;

template <typename Make>
Round On(int threads, Make make) {
  return [threads, make] { return NsPerCallTogether(threads, kCallsPerRound, make); };
}

}  // namespace

void ScalingRows(Report& report) {
  if (Processors() < 2) {
    std::fputs("bench: one processor: no rows about two threads on one handle\n", stderr);
    return;
  }
  const Broker broker;
  const belay_handle callback = broker.Register(Untyped());
  const auto guarded = [callback] {
    return [callback, call = SmallRequest()]() mutable { belay_invoke(callback, &call); };
  };
  const auto direct = [bare = Opaque(&AnswerNothing)] {
    return [bare, call = SmallRequest()]() mutable { shim_invoke(bare, nullptr, &call); };
  };
  const auto ns =
      Alternate(kRounds, {On(1, direct), On(2, direct), On(1, guarded), On(2, guarded)});

  report.Add(Against("2 threads on one handle against 1", PerSecond(ns[3]), "calls/s",
                     PerSecond(ns[2]), Keep::kAtLeast, 1.9));
  report.Add(Beside("control: the bare shim, 2 threads against 1", PerSecond(ns[1]), "calls/s",
                    PerSecond(ns[0])));
  Check(belay_release(callback), "belay_release");
}

}  // namespace belay::bench
