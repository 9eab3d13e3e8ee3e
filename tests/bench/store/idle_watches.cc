// What a writer pays for watches that his changes do not concern: two stores, one with a single watch and one
// with 1,000.
#include "tests/bench/folder.h"
#include "tests/bench/store/entries.h"
#include "tests/bench/store/groups.h"
#include "tests/bench/store/load.h"
#include "tests/bench/store/ours.h"
#include "tests/bench/store/watches.h"

namespace belay::bench {
namespace {

constexpr int kRounds = 60;
constexpr int kCalls = 2'000;

}  // namespace

void IdleWatchesRows(Report& report) {
  const Folder folder;
  const std::vector<Key> keys = KeysInNoOrder(kKeys);
  const Values values(kValueBytes);
  const auto one = OpenFilled<Ours>(folder.At("one"), Durability::kAsync, keys);
  const auto many = OpenFilled<Ours>(folder.At("many"), Durability::kAsync, keys);
  const IdleWatches one_watch(one->broker(), one->store(), 1);
  const IdleWatches many_watches(many->broker(), many->store(), 1'000);
  Load one_load(*one, 1, keys, values);
  Load many_load(*many, 1, keys, values);
  const auto ns = AlternateMedians(kRounds, {one_load.Puts(kCalls), many_load.Puts(kCalls)});
  report.Add(Against("put async beside 1,000 idle watches against 1", PerSecond(ns[1]), "puts/s",
                     PerSecond(ns[0]), Keep::kAtLeast, 0.95));
}

}  // namespace belay::bench
