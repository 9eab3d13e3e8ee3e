// Overwriting 64 keys at once, all or nothing, and waiting for the disk: each for the first time since the start,
// when it is looked up on the way, and again.
#include "tests/bench/folder.h"
#include "tests/bench/store/entries.h"
#include "tests/bench/store/groups.h"
#include "tests/bench/store/load.h"
#include "tests/bench/store/ours.h"
#include "tests/bench/store/raw.h"

namespace belay::bench {
namespace {

constexpr int kRounds = 60;
constexpr std::size_t kBatch = 64;
constexpr int kCalls = kKeys / (kRounds * kBatch) + 1;  // once over all keys

}  // namespace

void BatchRows(Report& report) {
  const Folder folder;
  const std::vector<Key> keys = KeysInNoOrder(kKeys);
  const Values values(kValueBytes);
  const auto raw = OpenFilled<Raw>(folder.At("raw"), Durability::kSync, keys);
  const auto ours = OpenFilled<Ours>(folder.At("ours"), Durability::kSync, keys);
  Load raw_load(*raw, 1, keys, values);
  Load our_load(*ours, 1, keys, values);
  const auto measure = [&] {
    return AlternateMedians(kRounds,
                            {raw_load.Batches(kCalls, kBatch), our_load.Batches(kCalls, kBatch)});
  };
  const auto first = measure();
  report.Add(Beside("batch of 64 puts, sync, 1 thread, each key for the first time since the start",
                    PerSecond(first[1]), "batches/s", PerSecond(first[0])));
  const auto again = measure();
  report.Add(Against("batch of 64 puts, sync, 1 thread", PerSecond(again[1]), "batches/s",
                     PerSecond(again[0]), Keep::kAtLeast, 0.9));
}

}  // namespace belay::bench
