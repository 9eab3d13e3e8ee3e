// Overwriting keys, in no order among 100,000, while a watch is attached to a prefix that nobody writes: one that
// waits for the disk, and one that does not. The latter over and over, as counters and states are written; a key
// that is written for the first time since the start is looked up on the way, which RocksDB alone need not do.
#include "tests/bench/folder.h"
#include "tests/bench/store/entries.h"
#include "tests/bench/store/groups.h"
#include "tests/bench/store/load.h"
#include "tests/bench/store/ours.h"
#include "tests/bench/store/raw.h"
#include "tests/bench/store/watches.h"

namespace belay::bench {
namespace {

constexpr int kCallsOfFirstPass = 2'000;

// Both sides of the rows, with the same keys in them.
class Stores {
 public:
  explicit Stores(Durability durability)
      : raw_(OpenFilled<Raw>(folder_.At("raw"), durability, keys_)),
        ours_(OpenFilled<Ours>(folder_.At("ours"), durability, keys_)),
        idle_(ours_->broker(), ours_->store(), 1) {}

  // Puts per second of `threads`, each making `calls` a round: first raw's, then ours.
  std::pair<double, double> PutsPerSecond(int threads, int calls, int rounds) {
    Load raw(*raw_, threads, keys_, values_);
    Load ours(*ours_, threads, keys_, values_);
    const auto ns = AlternateMedians(rounds, {raw.Puts(calls), ours.Puts(calls)});
    return {PerSecond(ns[0]), PerSecond(ns[1])};
  }

 private:
  const Folder folder_;
  const std::vector<Key> keys_ = KeysInNoOrder(kKeys);
  const Values values_{kValueBytes};
  const std::unique_ptr<Raw> raw_;
  const std::unique_ptr<Ours> ours_;
  const IdleWatches idle_;
};

}  // namespace

void PutSyncRows(Report& report) {
  Stores stores(Durability::kSync);
  const auto [raw, ours] = stores.PutsPerSecond(16, 50, 40);
  report.Add(Against("put sync, 16 threads", ours, "puts/s", raw, Keep::kAtLeast, 0.85));
  const auto [raw_alone, our_alone] = stores.PutsPerSecond(1, 50, 40);
  report.Add(Beside("put sync, 1 thread", our_alone, "puts/s", raw_alone));
}

void PutAsyncRows(Report& report) {
  Stores stores(Durability::kAsync);
  const auto [raw_first, our_first] =
      stores.PutsPerSecond(1, kCallsOfFirstPass, static_cast<int>(kKeys) / kCallsOfFirstPass);
  report.Add(Beside("put async, 1 thread, each key for the first time since the start", our_first,
                    "puts/s", raw_first));
  for (const int threads : {1, 4}) {
    const auto [raw, ours] = stores.PutsPerSecond(threads, 2'000 / threads, 60);
    report.Add(
        Against("put async, " + std::to_string(threads) + (threads == 1 ? " thread" : " threads"),
                ours, "puts/s", raw, Keep::kAtLeast, 0.7));
  }
}

}  // namespace belay::bench
