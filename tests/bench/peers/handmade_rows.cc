// A call through what programs write by hand, with one callback in it, against the bare shim.
//
// A thread waits beside: with one thread alone, the C++ library counts without atomic instructions, and
// nobody needs a lock there.
#include <latch>
#include <thread>

#include "tests/bench/broker.h"
#include "tests/bench/groups.h"
#include "tests/bench/peers/handmade.h"
#include "tests/bench/shim.h"
#include "tests/bench/timing.h"

namespace belay::bench {
namespace {

constexpr int kRounds = 1000;
constexpr int kCallsPerRound = 20'000;
constexpr std::uint64_t kKey = 1;

}  // namespace

void HandmadeRows(Report& report) {
  std::latch done(1);
  const std::jthread beside([&done] { done.wait(); });

  const Callback callback{Opaque(&AnswerNothing), nullptr};
  MutexMap mutex_map;
  mutex_map.Insert(kKey, callback);
  SharedMutexMap shared_mutex_map;
  shared_mutex_map.Insert(kKey, callback);
  AtomicPointer pointer(callback);
  belay_call call = SmallRequest();
  const auto ns = Alternate(
      kRounds, {RoundOf(kCallsPerRound, [&] { shim_invoke(callback.function, nullptr, &call); }),
                RoundOf(kCallsPerRound, [&] { mutex_map.Invoke(kKey, &call); }),
                RoundOf(kCallsPerRound, [&] { shared_mutex_map.Invoke(kKey, &call); }),
                RoundOf(kCallsPerRound, [&] { pointer.Invoke(&call); })});
  report.Add(Beside("peer: map + mutex + shared_ptr", ns[1], "ns/call", ns[0]));
  report.Add(Beside("peer: map + shared_mutex + shared_ptr", ns[2], "ns/call", ns[0]));
  report.Add(Beside("peer: atomic<shared_ptr>", ns[3], "ns/call", ns[0]));
  done.count_down();
}

}  // namespace belay::bench
