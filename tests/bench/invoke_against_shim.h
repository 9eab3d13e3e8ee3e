// One measurement, belay_invoke against the bare shim, compiled into the program and into a shared library.
//
// Thread safety: measures on the calling thread, with a broker of its own.
#pragma once

#include "tests/bench/broker.h"
#include "tests/bench/shim.h"
#include "tests/bench/timing.h"

namespace belay::bench {

struct GuardCost {
  double bare_ns;
  double guarded_ns;
};

inline GuardCost InvokeAgainstShim() {
  constexpr int kRounds = 6000;  // a second and more
  constexpr int kCallsPerRound = 20'000;
  const Broker broker;
  const belay_handle callback = broker.Register(Untyped());
  belay_call call = SmallRequest();
  Check(belay_invoke(callback, &call), "belay_invoke");
  const auto ns = Alternate(
      kRounds, {RoundOf(kCallsPerRound, [bare = Opaque(&AnswerNothing),
                                         &call] { shim_invoke(bare, nullptr, &call); }),
                RoundOf(kCallsPerRound, [callback, &call] { belay_invoke(callback, &call); })});
  Check(belay_release(callback), "belay_release");
  return {ns[0], ns[1]};
}

// The same, with caller and callback in libcaller.so.
__attribute__((visibility("default"))) GuardCost InvokeAgainstShimFromLibrary();

}  // namespace belay::bench
