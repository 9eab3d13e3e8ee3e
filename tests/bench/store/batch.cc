// Overwriting 64 keys at once, all or nothing, and waiting for the disk. Through the C++ interface of the store:
// the C interface has no batch yet.
#include "broker/storage/rocksdb/rocks_store.h"
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

Round CommitsOf(storage::Store& store, Cycle& cycle) {
  return RoundOf(kCalls, [&store, &cycle] {
    storage::WriteBatch batch;
    for (std::size_t i = 0; i < kBatch; ++i) {
      const Entry entry = cycle.Next();
      batch.operations.push_back(
          {storage::OperationKind::kPut, std::string(entry.key), std::string(entry.value)});
    }
    Check(store.Commit(batch).ok() ? BELAY_OK : BELAY_UNKNOWN, "Commit");
  });
}

}  // namespace

void BatchRows(Report& report) {
  const Folder folder;
  const std::vector<Key> keys = KeysInNoOrder(kKeys);
  const Values values(kValueBytes);
  const auto raw = OpenFilled<Raw>(folder.At("raw"), Durability::kSync, keys);
  OpenFilled<Ours>(folder.At("ours"), Durability::kSync, keys);
  const auto ours = storage::OpenRocksStore({.path = folder.At("ours")});
  Check(ours.ok() ? BELAY_OK : BELAY_UNKNOWN, "OpenRocksStore");
  Load raw_load(*raw, 1, keys, values);
  Cycle cycle(keys, values, 0);
  const auto ns =
      AlternateMedians(kRounds, {raw_load.Batches(kCalls, kBatch), CommitsOf(**ours, cycle)});
  report.Add(Against("batch of 64 puts, sync, 1 thread", PerSecond(ns[1]), "batches/s",
                     PerSecond(ns[0]), Keep::kAtLeast, 0.9));
}

}  // namespace belay::bench
