// Reading one key of 100,000 that all lie in memory, in no order: as they were just written, in the memory table,
// and as after a restart, in the block cache.
#include "tests/bench/folder.h"
#include "tests/bench/store/entries.h"
#include "tests/bench/store/groups.h"
#include "tests/bench/store/load.h"
#include "tests/bench/store/ours.h"
#include "tests/bench/store/raw.h"

namespace belay::bench {
namespace {

constexpr int kRounds = 100;
constexpr int kCalls = 10'000;
constexpr double kBudget = 0.95;

Row Compare(std::string name, Engine& raw, Engine& ours, std::span<const Key> keys) {
  const Values values(kValueBytes);
  Load raw_load(raw, 1, keys, values);
  Load our_load(ours, 1, keys, values);
  const auto ns = AlternateMedians(kRounds, {raw_load.Gets(kCalls), our_load.Gets(kCalls)});
  return Against(std::move(name), PerSecond(ns[1]), "gets/s", PerSecond(ns[0]), Keep::kAtLeast,
                 kBudget);
}

}  // namespace

void GetRows(Report& report) {
  const Folder folder;
  const std::vector<Key> keys = KeysInNoOrder(kKeys);
  {
    Raw raw(folder.At("raw"), Durability::kAsync);
    Ours ours(folder.At("ours"), Durability::kAsync);
    Fill(raw, keys, Values(kValueBytes));
    Fill(ours, keys, Values(kValueBytes));
    report.Add(Compare("get, just written, 1 thread", raw, ours, keys));
  }
  Raw raw(folder.At("raw"), Durability::kAsync);
  Ours ours(folder.At("ours"), Durability::kAsync);
  report.Add(Compare("get, after a restart, 1 thread", raw, ours, keys));
}

}  // namespace belay::bench
