// libpointers.so: the native half of the .NET rows, loaded by Program.cs. A native loop calls functions of
// C# through their pointers, against the bare shim calling a native one.
//
// Thread safety: called once, from one thread.
#include "tests/bench/broker.h"
#include "tests/bench/report.h"
#include "tests/bench/shim.h"
#include "tests/bench/timing.h"

namespace {

constexpr int kRounds = 2000;  // a second and more: the runtime optimizes the functions meanwhile
constexpr int kCallsPerRound = 20'000;

}  // namespace

// Both functions do what AnswerNothing does.
extern "C" void measure_pointers(belay_callback_fn delegate, belay_callback_fn unmanaged) {
  using namespace belay::bench;
  belay_call call = SmallRequest();
  const auto through = [&call](belay_callback_fn function) {
    return RoundOf(kCallsPerRound, [function, &call] { shim_invoke(function, nullptr, &call); });
  };
  const auto ns =
      Alternate(kRounds, {through(Opaque(&AnswerNothing)), through(delegate), through(unmanaged)});
  Report report;
  report.Add(Beside("peer: .NET delegate's function pointer", ns[1], "ns/call", ns[0]));
  report.Add(Beside("peer: .NET UnmanagedCallersOnly function pointer", ns[2], "ns/call", ns[0]));
}
