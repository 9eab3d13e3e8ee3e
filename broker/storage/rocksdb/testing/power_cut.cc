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
// RocksDB's least, and values of which a dozen fill it.
constexpr std::size_t kWriteBufferBytes = std::size_t{64} << 10;
constexpr std::size_t kMaxPaddingBytes = 8'000;

// Between the folder and the real disk; lives from one cut to the next.
struct Disk {
  std::shared_ptr<FaultPlan> plan = std::make_shared<FaultPlan>();
  std::unique_ptr<rocksdb::Env> env = NewFaultyEnv(plan);

  RocksOptions Options(const TempFolder& folder) const {
    RocksOptions options;
    options.path = folder / "store";
    options.env = env.get();
    return options;
  }
  // REQUIRES: the store is closed.
  void Lose(Loss loss) const {
    if (loss == Loss::kUnsynced) plan->DropUnsynced();
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

// Ends when the power goes. The last commit is a sync one: so each revision is promised before the
// next opening.
void CommitSome(Store& store, CommitJournal& journal, Loss loss) {
  constexpr int kCommits = 6;
  const Promise of_async = loss == Loss::kUnsynced ? Promise::kMayBeLost : Promise::kLasts;
  const std::string opening = std::to_string(store.BootEpoch());
  for (int i = 0; i < kCommits; ++i) {
    const std::string number = std::to_string(i);
    const bool sync = i % 2 == 1;
    if (!CommitAndNote(store, journal, "a", "b" + number, opening + "." + number,
                       sync ? Durability::kSync : Durability::kAsync,
                       sync ? Promise::kLasts : of_async)) {
      return;
    }
  }
}

void OpenAndCommit(const RocksOptions& options, CommitJournal& journal, Loss loss) {
  if (const auto store = OpenRocksStore(options); store.ok()) CommitSome(**store, journal, loss);
}

void RunWriter(Store& store, CommitJournal& journal, std::uint64_t seed, int writer) {
  std::mt19937_64 random(seed + static_cast<std::uint64_t>(writer));
  for (int i = 0;; ++i) {
    std::string value = std::to_string(writer) + "." + std::to_string(i);
    value.resize(value.size() + random() % kMaxPaddingBytes, '.');
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
void CheckAfterwards(const TempFolder& folder, const CommitJournal& journal, Revision unanswered) {
  const auto store = MustOpen(folder / "store");
  journal.Check(*store);
  const Revision revision = store->CurrentRevision();
  EXPECT_LE(revision, journal.last() + unanswered) << "commits that nobody asked for";
  EXPECT_EQ(Put(*store, "c", "1")->revision, revision + 1);
}

}  // namespace

CutCycle CutProgramAfter(int file_operations, Loss loss) {
  const TempFolder folder;
  const Disk disk;
  disk.plan->CutPowerAfter(file_operations);
  CommitJournal journal(kRowsPerCommit);
  OpenAndCommit(disk.Options(folder), journal, loss);
  OpenAndCommit(disk.Options(folder), journal, loss);
  const bool was_cut = disk.plan->power_is_cut();
  disk.Lose(loss);
  CheckAfterwards(folder, journal, 1);
  return {journal.size(), was_cut};
}

CutCycle CutRecoveryAfter(int file_operations, Loss loss) {
  const TempFolder folder;
  CommitJournal journal(kRowsPerCommit);
  const Disk first;
  {
    const auto store = MustOpen(first.Options(folder));
    CommitSome(*store, journal, loss);
    first.plan->CutPower();  // so closing it leaves no trace
  }
  first.Lose(loss);
  const Disk second;
  second.plan->CutPowerAfter(file_operations);
  OpenAndCommit(second.Options(folder), journal, loss);
  const bool was_cut = second.plan->power_is_cut();
  second.Lose(loss);
  CheckAfterwards(folder, journal, 1);
  return {journal.size(), was_cut};
}

CutCycle CutWriters(std::uint64_t seed) {
  constexpr int kWriters = 4;
  std::mt19937_64 random(seed);
  const TempFolder folder;
  const Disk disk;
  RocksOptions options = disk.Options(folder);
  options.tuning.write_buffer_bytes = kWriteBufferBytes;
  auto store = MustOpen(options);
  disk.plan->CutPowerAfter(static_cast<int>(random() % 400));
  CommitJournal journal(kRowsPerCommit);
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&, i] { RunWriter(*store, journal, seed, i); });
  }
  for (std::thread& writer : writers) writer.join();
  store.reset();
  disk.Lose(Loss::kUnsynced);
  CheckAfterwards(folder, journal, kWriters);
  return {journal.size(), true};
}

}  // namespace belay::storage
