#include "broker/storage/rocksdb/testing/commit_journal.h"

#include <utility>

#include "broker/storage/rocksdb/test_util.h"

namespace belay::storage {

void CommitJournal::Note(Revision revision, std::vector<std::string> keys, std::string value,
                         Promise promise) {
  EXPECT_EQ(keys.size(), rows_per_commit_);
  const std::lock_guard lock(mutex_);
  const auto [it, is_new] =
      commits_.try_emplace(revision, Commit{std::move(keys), std::move(value), promise});
  EXPECT_TRUE(is_new) << "revision " << revision << " was given to " << it->second.value
                      << " and again";
}

void CommitJournal::Check(Store& store) const {
  const Revision current = store.CurrentRevision();
  const std::vector<OwnedRow> history = HistoryFrom(store, 1);
  ASSERT_EQ(history.size(), rows_per_commit_ * current) << "a revision is missing, or half of one";
  std::map<std::string, OwnedRow> last_changes;
  for (std::size_t i = 0; i < history.size(); ++i) {
    const std::size_t commit = i / rows_per_commit_;
    EXPECT_EQ(history[i].revision, commit + 1);
    EXPECT_EQ(history[i].value, history[commit * rows_per_commit_].value) << "two halves";
    last_changes[history[i].key] = history[i];
  }
  std::vector<OwnedRow> keys;
  for (const auto& [key, row] : last_changes) keys.push_back(row);
  EXPECT_EQ(ScanAll(**store.NewScan({}), 1'000), keys) << "keys and history differ";

  for (const auto& [revision, commit] : commits_) {
    if (revision > current) {
      EXPECT_EQ(commit.promise, Promise::kMayBeLost)
          << commit.value << " was acknowledged at " << revision << " and is lost";
      continue;
    }
    for (std::size_t i = 0; i < rows_per_commit_; ++i) {
      const OwnedRow acknowledged{revision, RowKind::kPut, commit.keys[i], commit.value};
      EXPECT_EQ(history[(revision - 1) * rows_per_commit_ + i], acknowledged);
    }
  }
}

}  // namespace belay::storage
