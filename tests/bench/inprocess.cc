// tools/bench inprocess: what the guard of a call costs, through the C ABI of the shared library.
//
// Method. Measured and baseline code alternate in short rounds, so that both meet the same disturbances of
// the machine, and each figure is the best round: what the code costs when nobody interferes.
#include <belay/belay.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <thread>
#include <vector>

#include "tests/bench/report.h"
#include "tests/bench/shim.h"

namespace belay::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int kRounds = 4000;  // over a second: a disturbance of the machine is shorter than that
constexpr int kCallsPerRound = 20'000;
constexpr int kThreadRounds = 60;
constexpr int kCallsPerThreadRound = 1'000'000;

void Check(belay_status status, const char* what) {
  if (status == BELAY_OK) return;
  std::fprintf(stderr, "inprocess: %s: %s\n", what, belay_status_name(status));
  std::exit(2);
}

belay_status Echo(void*, belay_call* call) {
  call->reply_size = 0;
  return BELAY_OK;
}

std::int64_t AddOne(void*, std::int64_t value) { return value + 1; }

void ReleaseNothing(void*) {}

template <typename Call>
double NsPerCall(int calls, Call call) {
  const auto begin = SteadyClock::now();
  for (int i = 0; i < calls; ++i) call();
  return std::chrono::duration<double, std::nano>(SteadyClock::now() - begin).count() / calls;
}

struct Pair {
  double measured = std::numeric_limits<double>::max();
  double baseline = std::numeric_limits<double>::max();
};

template <typename Measured, typename Baseline>
Pair Alternate(Measured measured, Baseline baseline) {
  Pair best;
  for (int round = 0; round < kRounds; ++round) {
    best.baseline = std::min(best.baseline, NsPerCall(kCallsPerRound, baseline));
    best.measured = std::min(best.measured, NsPerCall(kCallsPerRound, measured));
  }
  return best;
}

// Calls per second of all threads together in one round that they begin at the same time.
template <typename Invoke>
double Rate(int threads, Invoke invoke) {
  std::atomic<int> ready{0};
  std::vector<double> seconds(static_cast<std::size_t>(threads));
  std::vector<std::thread> running;
  for (int t = 0; t < threads; ++t) {
    running.emplace_back([&, t] {
      // Each on a processor of its own: a round is too short for the scheduler to part them.
      cpu_set_t own;
      CPU_ZERO(&own);
      CPU_SET(static_cast<unsigned>(t), &own);
      pthread_setaffinity_np(pthread_self(), sizeof own, &own);
      belay_call call = BELAY_CALL_INIT;
      invoke(&call);
      ready.fetch_add(1);
      while (ready.load() < threads) {
      }
      seconds[static_cast<std::size_t>(t)] =
          NsPerCall(kCallsPerThreadRound, [&] { invoke(&call); }) * kCallsPerThreadRound * 1e-9;
    });
  }
  for (auto& thread : running) thread.join();
  return threads * double{kCallsPerThreadRound} / *std::max_element(seconds.begin(), seconds.end());
}

int Main() {
  belay_handle broker = 0;
  Check(belay_open(nullptr, &broker), "belay_open");
  belay_callback_options options{};
  options.struct_size = sizeof options;
  options.callback = Echo;
  options.release = ReleaseNothing;
  options.label = "echo";
  belay_handle echo = 0;
  Check(belay_register(broker, &options, &echo), "belay_register");
  Report report;

  belay_call call = BELAY_CALL_INIT;
  Check(belay_invoke(echo, &call), "belay_invoke");
  belay_callback_fn volatile bare =
      Echo;  // volatile: the compiler must not see through the shim's pointer
  const Pair one =
      Alternate([&] { belay_invoke(echo, &call); }, [&] { shim_invoke(bare, nullptr, &call); });
  report.Add(Against("belay_invoke against a bare shim, 1 thread", one.measured, "ns/call",
                     one.baseline, Keep::kAtMost, 2.0));

  const auto guarded = [echo](belay_call* made) { belay_invoke(echo, made); };
  const auto direct_call = [&bare](belay_call* made) { shim_invoke(bare, nullptr, made); };
  double rate_one = 0;
  double rate_two = 0;
  double shim_one = 0;
  double shim_two = 0;
  for (int round = 0; round < kThreadRounds; ++round) {
    rate_one = std::max(rate_one, Rate(1, guarded));
    rate_two = std::max(rate_two, Rate(2, guarded));
    shim_one = std::max(shim_one, Rate(1, direct_call));
    shim_two = std::max(shim_two, Rate(2, direct_call));
  }
  report.Add(Against("2 threads on one handle against 1", rate_two, "calls/s", rate_one,
                     Keep::kAtLeast, 1.8));
  report.Add(Against("belay_invoke, 2 threads on one handle, against the shim", 2e9 / rate_two,
                     "ns/call", one.baseline, Keep::kAtMost, 2.0));

  // The control: what two threads of the machine give when nothing is shared at all.
  Row control;
  control.name = "the bare shim, 2 threads against 1";
  control.value = shim_two;
  control.unit = "calls/s";
  control.baseline = shim_one;
  control.ratio = shim_two / shim_one;
  report.Add(control);

  belay_callback_options typed{};
  typed.struct_size = sizeof typed;
  typed.signature = "i64(i64)";
  typed.typed = reinterpret_cast<belay_function>(&AddOne);
  typed.label = "add one";
  belay_handle add_one = 0;
  Check(belay_register(broker, &typed, &add_one), "belay_register");
  belay_pin_info pin{};
  pin.struct_size = sizeof pin;
  Check(belay_pin(add_one, "i64(i64)", &pin), "belay_pin");
  using Function = std::int64_t (*)(void*, std::int64_t);
  auto* volatile pinned = reinterpret_cast<Function>(pin.function);
  Function volatile direct = AddOne;
  volatile std::int64_t sink = 0;
  const Pair typed_call =
      Alternate([&] { sink = pinned(pin.context, sink); }, [&] { sink = direct(nullptr, sink); });
  report.Add(Against("call through a typed pin against a function pointer", typed_call.measured,
                     "ns/call", typed_call.baseline, Keep::kAtMost, 1.05));
  Check(belay_unpin(pin.pin), "belay_unpin");

  Row turnover;
  turnover.name = "register and release";
  turnover.unit = "ns/callback";
  turnover.value = NsPerCall(200'000, [&] {
    belay_handle handle = 0;
    Check(belay_register(broker, &options, &handle), "belay_register");
    Check(belay_release(handle), "belay_release");
  });
  report.Add(turnover);
  Check(belay_release(echo), "belay_release");
  Check(belay_release(add_one), "belay_release");
  Check(belay_close(broker, 60'000), "belay_close");
  return 0;
}

}  // namespace
}  // namespace belay::bench

int main() { return belay::bench::Main(); }
