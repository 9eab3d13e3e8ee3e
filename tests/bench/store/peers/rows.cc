// What other embedded stores cost for what Belay's rows ask for, against RocksDB with Belay's options.
//
// SQLite with synchronous=NORMAL does not wait for the disk, so it is compared with a RocksDB that does not
// either.
#include "tests/bench/folder.h"
#include "tests/bench/store/entries.h"
#include "tests/bench/store/groups.h"
#include "tests/bench/store/load.h"
#include "tests/bench/store/peers/lmdb.h"
#include "tests/bench/store/peers/sqlite.h"
#include "tests/bench/store/raw.h"

namespace belay::bench {
namespace {

constexpr std::size_t kScannedRows = 1'000'000;
constexpr std::size_t kBatch = 64;

// RocksDB first.
struct Side {
  std::string name;
  std::unique_ptr<Engine> engine;
};

std::vector<Side> FilledSides(const Folder& folder, std::span<const Key> keys) {
  std::vector<Side> sides;
  sides.push_back({"RocksDB", OpenFilled<Raw>(folder.At("raw"), Durability::kSync, keys)});
  sides.push_back({"LMDB", OpenFilled<Lmdb>(folder.At("lmdb"), Durability::kSync, keys)});
  sides.push_back(
      {"SQLite, FULL", OpenFilled<Sqlite>(folder.At("sqlite"), Durability::kSync, keys)});
  return sides;
}

std::vector<Side> FilledSidesAsync(const Folder& folder, std::span<const Key> keys) {
  std::vector<Side> sides;
  sides.push_back({"RocksDB", OpenFilled<Raw>(folder.At("raw_async"), Durability::kAsync, keys)});
  sides.push_back(
      {"SQLite, NORMAL", OpenFilled<Sqlite>(folder.At("sqlite_normal"), Durability::kAsync, keys)});
  return sides;
}

// One row for each side but the first, against which all are measured.
void AddRows(Report& report, const std::string& what, const std::string& unit, int rounds,
             const std::vector<Side>& sides, const std::vector<Round>& takes) {
  const auto ns = AlternateMedians(rounds, takes);
  for (std::size_t i = 1; i < sides.size(); ++i) {
    report.Add(
        Beside("peer: " + sides[i].name + ": " + what, PerSecond(ns[i]), unit, PerSecond(ns[0])));
  }
}

// Each side's loads of that many threads.
std::vector<std::unique_ptr<Load>> Loads(const std::vector<Side>& sides, int threads,
                                         std::span<const Key> keys, const Values& values) {
  std::vector<std::unique_ptr<Load>> loads;
  for (const Side& side : sides) {
    loads.push_back(std::make_unique<Load>(*side.engine, threads, keys, values));
  }
  return loads;
}

template <typename RoundOfLoad>
std::vector<Round> RoundsOf(const std::vector<std::unique_ptr<Load>>& loads, RoundOfLoad round) {
  std::vector<Round> rounds;
  for (const auto& load : loads) rounds.push_back(round(*load));
  return rounds;
}

void AddPutRows(Report& report, const std::vector<Side>& sides, std::span<const Key> keys) {
  const Values values(kValueBytes);
  for (const int threads : {1, 16}) {
    const auto loads = Loads(sides, threads, keys, values);
    AddRows(report, "put, threads: " + std::to_string(threads), "puts/s", 20, sides,
            RoundsOf(loads, [](Load& load) { return load.Puts(20); }));
  }
  const auto loads = Loads(sides, 1, keys, values);
  AddRows(report, "batch of 64 puts", "batches/s", 20, sides,
          RoundsOf(loads, [](Load& load) { return load.Batches(20, kBatch); }));
}

}  // namespace

void PeerGetRows(Report& report) {
  const Folder folder;
  const std::vector<Key> keys = KeysInNoOrder(kKeys);
  const Values values(kValueBytes);
  const auto sides = FilledSides(folder, keys);
  const auto loads = Loads(sides, 1, keys, values);
  AddRows(report, "get", "gets/s", 50, sides,
          RoundsOf(loads, [](Load& load) { return load.Gets(10'000); }));
}

void PeerPutRows(Report& report) {
  const Folder folder;
  const std::vector<Key> keys = KeysInNoOrder(kKeys);
  AddPutRows(report, FilledSides(folder, keys), keys);
  AddPutRows(report, FilledSidesAsync(folder, keys), keys);
}

void PeerScanRows(Report& report) {
  const Folder folder;
  const auto sides = FilledSides(folder, KeysInOrder(kScannedRows));
  std::vector<Round> takes;
  for (const Side& side : sides) {
    takes.push_back([session = std::shared_ptr<Session>(side.engine->NewSession())] {
      Scanned scanned;
      const double ns = NsPerCall(1, [&] { scanned = session->Scan(); });
      return ns / static_cast<double>(scanned.rows);
    });
  }
  AddRows(report, "scan of 1,000,000 rows", "rows/s", 7, sides, takes);
}

}  // namespace belay::bench
