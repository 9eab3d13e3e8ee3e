#include "broker/storage/rocksdb/testing/power_cut.h"

#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "broker/storage/rocksdb/test_util.h"
#include "broker/storage/rocksdb/testing/commit_journal.h"
#include "broker/storage/rocksdb/testing/faulty_env.h"
#include "rocksdb/env.h"

namespace belay::storage {
namespace {

using Promise = CommitJournal::Promise;

constexpr std::size_t kRowsPerCommit = 2;

// A folder on a disk whose power can go.
struct Machine {
  TempFolder folder;
  std::shared_ptr<FaultPlan> plan = std::make_shared<FaultPlan>();
  std::unique_ptr<rocksdb::Env> env = NewFaultyEnv(plan);

  RocksOptions Options() const {
    RocksOptions options;
    options.path = folder / "store";
    options.env = env.get();
    return options;
  }
};

// False when the store refuses: its power is cut.
bool CommitAndNote(Store& store, CommitJournal& journal, std::string first, std::string second,
                   const std::string& value, Durability durability, Promise promise) {
  WriteBatch batch;
  batch.durability = durability;
  batch.operations = {PutOp(first, value), PutOp(second, value)};
  const auto result = store.Commit(batch);
  if (!result.ok()) return false;
  journal.Note(result->revision, {std::move(first), std::move(second)}, value, promise);
  return true;
}

void RunProgram(const RocksOptions& options, CommitJournal& journal, Promise of_async) {
  constexpr int kOpenings = 2;
  constexpr int kCommitsPerOpening = 5;
  for (int opening = 0; opening < kOpenings; ++opening) {
    const auto store = OpenRocksStore(options);
    if (!store.ok()) return;
    for (int i = 0; i < kCommitsPerOpening; ++i) {
      const std::string value = std::to_string(opening) + "." + std::to_string(i);
      const Durability durability = i % 2 == 0 ? Durability::kAsync : Durability::kSync;
      const Promise promise = durability == Durability::kSync ? Promise::kLasts : of_async;
      if (!CommitAndNote(**store, journal, "a", "b" + std::to_string(i), value, durability,
                         promise)) {
        return;
      }
    }
  }
}

void RunWriter(Store& store, CommitJournal& journal, std::uint64_t seed, int writer) {
  std::mt19937_64 random(seed + static_cast<std::uint64_t>(writer));
  for (int i = 0;; ++i) {
    const std::string value = std::to_string(writer) + "." + std::to_string(i);
    const bool sync = random() % 3 == 0;
    if (!CommitAndNote(store, journal, "a" + std::to_string(random() % 8),
                       "b" + std::to_string(random() % 8), value,
                       sync ? Durability::kSync : Durability::kAsync,
                       sync ? Promise::kLasts : Promise::kMayBeLost)) {
      return;
    }
  }
}

// Opens the store with the power back.
void CheckAfterwards(const Machine& machine, const CommitJournal& journal, Revision unanswered) {
  RocksOptions options = machine.Options();
  options.env = nullptr;
  const auto store = MustOpen(options);
  journal.Check(*store);
  const Revision revision = store->CurrentRevision();
  EXPECT_LE(revision, journal.last() + unanswered) << "commits that nobody asked for";
  EXPECT_EQ(Put(*store, "c", "1")->revision, revision + 1);
}

}  // namespace

CutCycle CutProgramAfter(int file_operations, Loss loss) {
  const Machine machine;
  machine.plan->CutPowerAfter(file_operations);
  CommitJournal journal(kRowsPerCommit);
  const bool power_goes = loss == Loss::kUnsynced;
  RunProgram(machine.Options(), journal, power_goes ? Promise::kMayBeLost : Promise::kLasts);
  const bool was_cut = machine.plan->power_is_cut();
  if (was_cut && power_goes) machine.plan->DropUnsynced();
  CheckAfterwards(machine, journal, 1);
  return {journal.size(), was_cut};
}

CutCycle CutWriters(std::uint64_t seed) {
  constexpr int kWriters = 4;
  std::mt19937_64 random(seed);
  const Machine machine;
  auto store = MustOpen(machine.Options());
  machine.plan->CutPowerAfter(static_cast<int>(random() % 60));
  CommitJournal journal(kRowsPerCommit);
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&, i] { RunWriter(*store, journal, seed, i); });
  }
  for (std::thread& writer : writers) writer.join();
  store.reset();
  machine.plan->DropUnsynced();
  CheckAfterwards(machine, journal, kWriters);
  return {journal.size(), true};
}

}  // namespace belay::storage
