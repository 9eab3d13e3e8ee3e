// A program with very many callbacks calls them in no order: what is compared is how much memory a call
// has to touch, not how many instructions it runs.
//
// The peer is what programs write by hand, given the same keys: Belay's handles, whose order of issue suits
// the map's hash. The shim over an array of pointers, walked in the same order, is what the machine's memory
// gives when nothing is looked up or guarded at all.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "tests/bench/broker.h"
#include "tests/bench/groups.h"
#include "tests/bench/peers/handmade.h"
#include "tests/bench/shim.h"
#include "tests/bench/timing.h"

namespace belay::bench {
namespace {

constexpr int kHandles = 1'000'000;
constexpr int kCallsPerRound = 25'000;
constexpr int kRounds = 6 * kHandles / kCallsPerRound;  // each of the handles is called six times
constexpr std::uint64_t kSeed = 20'406;                 // of the order

// Each round goes on with `order` where the one before has ended, so that no round finds in the caches what
// its own side has put there.
template <typename T, typename Call>
Round InOrder(const std::vector<T>& order, Call call) {
  static_assert(kHandles % kCallsPerRound == 0);
  return [&order, call, next = order.begin()]() mutable {
    if (next == order.end()) next = order.begin();
    return NsPerCall(kCallsPerRound, [&] { call(*next++); });
  };
}

}  // namespace

void RandomAccessRows(Report& report) {
  const Broker broker;
  std::vector<belay_handle> handles;
  const std::vector<Callback> pointers(kHandles, {AnswerNothing, nullptr});
  MutexMap map;
  handles.reserve(kHandles);
  // One after the other, for neither shall lie scattered among what the other allocates.
  for (int i = 0; i < kHandles; ++i) handles.push_back(broker.Register(Untyped()));
  for (const belay_handle handle : handles) map.Insert(handle, {AnswerNothing, nullptr});
  std::vector<std::size_t> order(kHandles);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), std::mt19937_64(kSeed));
  std::vector<belay_handle> keys;
  keys.reserve(kHandles);
  for (const std::size_t i : order) keys.push_back(handles[i]);

  belay_call call = SmallRequest();
  const auto ns =
      Alternate(kRounds, {InOrder(order,
                                  [&](std::size_t i) {
                                    shim_invoke(pointers[i].function, pointers[i].context, &call);
                                  }),
                          InOrder(keys, [&](belay_handle key) { map.Invoke(key, &call); }),
                          InOrder(keys, [&](belay_handle key) { belay_invoke(key, &call); })});

  report.Add(Against("belay_invoke, random over 1,000,000, against map + mutex", PerSecond(ns[2]),
                     "calls/s", PerSecond(ns[1]), Keep::kAtLeast, 5));
  report.Add(Beside("control: the bare shim over an array in that order, against map + mutex",
                    PerSecond(ns[0]), "calls/s", PerSecond(ns[1])));
  for (const belay_handle handle : handles) Check(belay_release(handle), "belay_release");
}

}  // namespace belay::bench
