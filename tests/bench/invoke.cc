// What the guard of one call costs on one thread: belay_invoke and a typed pin, each against the same
// function called without a guard.
//
// belay_invoke is measured from this program and from a shared library. A program lies far from its
// libraries in memory, and the processor takes longer to foresee a jump that far than one between libraries:
// two nanoseconds and more on a call through the shim, hidden behind the guard's work in belay_invoke. So the
// guard shows more from a library, which is where native engines, and the code of managed runtimes, lie.
#include <cstdint>

#include "tests/bench/broker.h"
#include "tests/bench/groups.h"
#include "tests/bench/invoke_against_shim.h"
#include "tests/bench/timing.h"

namespace belay::bench {
namespace {

constexpr int kRounds = 6000;  // a second and more for each pair
constexpr int kCallsPerRound = 20'000;

using TypedFunction = std::int64_t (*)(void*, std::int64_t);

std::int64_t AddOne(void*, std::int64_t value) { return value + 1; }

// One loop for both sides, so that not even its place in the cache tells them apart. Each call waits for
// the result of the one before.
Round CallsOf(TypedFunction function, void* context) {
  return [function, context] {
    std::int64_t value = 0;
    return NsPerCall(kCallsPerRound, [&] { value = function(context, value); });
  };
}

}  // namespace

void InvokeRows(Report& report) {
  const auto here = InvokeAgainstShim();
  report.Add(Against("belay_invoke against a bare shim, 1 thread", here.guarded_ns, "ns/call",
                     here.bare_ns, Keep::kAtMost, 1.5));
  const auto library = InvokeAgainstShimFromLibrary();
  report.Add(Beside("the same, caller and callback in a shared library", library.guarded_ns,
                    "ns/call", library.bare_ns));

  const Broker broker;
  belay_callback_options options{};
  options.struct_size = sizeof options;
  options.signature = "i64(i64)";
  options.typed = reinterpret_cast<belay_function>(&AddOne);
  options.label = "add one";
  const belay_handle typed = broker.Register(options);
  belay_pin_info pin{};
  pin.struct_size = sizeof pin;
  Check(belay_pin(typed, options.signature, &pin), "belay_pin");
  const auto pinned =
      Alternate(kRounds, {CallsOf(Opaque(&AddOne), nullptr),
                          CallsOf(reinterpret_cast<TypedFunction>(pin.function), pin.context)});
  report.Add(Against("typed pin held, against a function pointer", pinned[1], "ns/call", pinned[0],
                     Keep::kAtMost, 1.05));

  Check(belay_unpin(pin.pin), "belay_unpin");
  Check(belay_release(typed), "belay_release");
}

}  // namespace belay::bench
