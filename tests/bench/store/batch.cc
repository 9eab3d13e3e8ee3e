// Overwriting 64 keys at once, all or nothing, and waiting for the disk.
#include "tests/bench/store/entries.h"
#include "tests/bench/store/folder.h"
#include "tests/bench/store/groups.h"
#include "tests/bench/store/load.h"
#include "tests/bench/store/ours.h"
#include "tests/bench/store/raw.h"

namespace belay::bench {
namespace {

constexpr int kRounds = 60;
constexpr int kCalls = 20;
constexpr std::size_t kBatch = 64;

}  // namespace

void BatchRows(Report& report) {
  const Folder folder;
  const std::vector<Key> keys = KeysInNoOrder(kKeys);
  const Values values(kValueBytes);
  const auto raw = OpenFilled<Raw>(folder.At("raw"), Durability::kSync, keys);
  const auto ours = OpenFilled<Ours>(folder.At("ours"), Durability::kSync, keys);
  Load raw_load(*raw, 1, keys, values);
  Load our_load(*ours, 1, keys, values);
  const auto ns = AlternateMedians(
      kRounds, {raw_load.Batches(kCalls, kBatch), our_load.Batches(kCalls, kBatch)});
  report.Add(Against("batch of 64 puts, sync, 1 thread", PerSecond(ns[1]), "batches/s",
                     PerSecond(ns[0]), Keep::kAtLeast, 0.9));
}

}  // namespace belay::bench
