// Keyspaces, snapshots, reads of many keys, ranges and conditions on values.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/storage/rocksdb/test_util.h"

namespace belay::storage {
namespace {

using base::Code;

class KeyspacesTest : public ::testing::Test {
 protected:
  Revision PutIn(KeyspaceId keyspace, const std::string& key, const std::string& value) {
    WriteBatch batch;
    batch.keyspace = keyspace;
    batch.operations = {PutOp(key, value)};
    auto committed = store_->Commit(batch);
    EXPECT_TRUE(committed.ok()) << committed.status().ToString();
    return committed.ok() ? committed->revision : 0;
  }
  base::Result<Record> GetFrom(KeyspaceId keyspace, const std::string& key) {
    return store_->Get(key, {keyspace, nullptr});
  }
  void Reopen() {
    store_.reset();
    store_ = MustOpen(folder_ / "store");
  }
  std::vector<std::string> KeysIn(const ScanOptions& options) {
    auto scan = store_->NewScan(options);
    std::vector<std::string> keys;
    if (!scan.ok()) return {scan.status().ToString()};
    for (const OwnedRow& row : ScanAll(**scan)) keys.push_back(row.key);
    return keys;
  }

  TempFolder folder_;
  std::unique_ptr<Store> store_ = MustOpen(folder_ / "store");
};

TEST_F(KeyspacesTest, S1_KeyspacesHaveTheirOwnKeysAndShareRevisions) {
  const KeyspaceId users = *store_->CreateKeyspace("users");
  EXPECT_EQ(PutIn(kDefaultKeyspace, "k", "default"), 1u);
  EXPECT_EQ(PutIn(users, "k", "of users"), 2u);
  EXPECT_EQ(GetFrom(users, "k")->value, "of users");
  EXPECT_EQ(GetFrom(kDefaultKeyspace, "k")->value, "default");
  EXPECT_EQ(GetFrom(kSystemKeyspace, "k").code(), Code::kNotFound);
  Reopen();
  EXPECT_EQ(*store_->FindKeyspace("users"), users);
  EXPECT_EQ(GetFrom(users, "k")->mod_revision, 2u);
  EXPECT_EQ(PutIn(users, "k", "again"), 3u);
  EXPECT_EQ(GetFrom(users, "k")->version, 2u);
  auto page = store_->ReadHistory({1, "", "", 10, 1'000, users});
  EXPECT_EQ(RowsOf(page->rows), (std::vector<OwnedRow>{{2, RowKind::kPut, "k", "of users"},
                                                       {3, RowKind::kPut, "k", "again"}}));
}

TEST_F(KeyspacesTest, S1_ADroppedKeyspaceIsGoneAndItsNameIsAnother) {
  const KeyspaceId first = *store_->CreateKeyspace("a");
  PutIn(first, "k", "1");
  ScanOptions all;
  all.read.keyspace = first;
  auto scan = store_->NewScan(all);
  ASSERT_TRUE(scan.ok());
  ASSERT_TRUE(store_->DropKeyspace("a").ok());
  EXPECT_EQ(ScanAll(**scan).size(), 1u);  // what is open goes on
  EXPECT_EQ(GetFrom(first, "k").status().reason(), "NO_KEYSPACE");
  EXPECT_EQ(store_->NewScan(all).status().reason(), "NO_KEYSPACE");
  EXPECT_EQ(store_->ReadHistory({1, "", "", 1, 1, first}).status().reason(), "NO_KEYSPACE");
  WriteBatch batch;
  batch.keyspace = first;
  batch.operations = {PutOp("k", "2")};
  EXPECT_EQ(store_->Commit(batch).status().reason(), "NO_KEYSPACE");
  EXPECT_EQ(store_->DropKeyspace("a").code(), Code::kNotFound);
  const KeyspaceId second = *store_->CreateKeyspace("a");
  EXPECT_NE(second, first);
  EXPECT_EQ(GetFrom(second, "k").code(), Code::kNotFound);
  scan->reset();  // it keeps the folder's lock
  Reopen();
  EXPECT_EQ(*store_->FindKeyspace("a"), second);
}

TEST_F(KeyspacesTest, I7_NamesAreCheckedAndTheStoresOwnStay) {
  for (const char* name : {"", "a/b", "a b", "\xc3\xa4"}) {
    EXPECT_EQ(store_->CreateKeyspace(name).code(), Code::kInvalidArgument) << name;
  }
  EXPECT_EQ(store_->CreateKeyspace(std::string(129, 'a')).code(), Code::kInvalidArgument);
  ASSERT_TRUE(store_->CreateKeyspace(std::string(128, 'a')).ok());
  EXPECT_EQ(store_->CreateKeyspace("default").code(), Code::kAlreadyExists);
  EXPECT_EQ(store_->CreateKeyspace("system").code(), Code::kAlreadyExists);
  EXPECT_EQ(store_->DropKeyspace("default").code(), Code::kFailedPrecondition);
  EXPECT_EQ(store_->DropKeyspace("system").code(), Code::kFailedPrecondition);
  ASSERT_TRUE(store_->CreateKeyspace("b").ok());
  EXPECT_EQ(store_->CreateKeyspace("b").code(), Code::kAlreadyExists);
  std::vector<std::string> names;
  for (const KeyspaceInfo& info : store_->ListKeyspaces()) names.push_back(info.name);
  EXPECT_EQ(names, (std::vector<std::string>{std::string(128, 'a'), "b", "default", "system"}));
}

TEST_F(KeyspacesTest, S1_ASnapshotShowsOneMoment) {
  (void)Put(*store_, "a", "1");
  (void)Put(*store_, "b", "1");
  auto snapshot = store_->NewSnapshot();
  ASSERT_TRUE(snapshot.ok());
  EXPECT_EQ((*snapshot)->revision(), 2u);
  (void)Put(*store_, "a", "2");
  (void)Delete(*store_, "b");
  (void)Put(*store_, "c", "1");
  const ReadOptions then{kDefaultKeyspace, *snapshot};
  EXPECT_EQ(store_->Get("a", then)->value, "1");
  EXPECT_EQ(store_->Get("b", then)->value, "1");
  EXPECT_EQ(store_->Get("c", then).code(), Code::kNotFound);
  ScanOptions scan;
  scan.read = then;
  EXPECT_EQ(KeysIn(scan), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ((*store_->NewScan(scan))->revision(), 2u);
  EXPECT_EQ((*store_->NewScan({}))->revision(), 5u);
  auto other = MustOpen(folder_ / "other");
  EXPECT_EQ(other->Get("a", then).code(), Code::kInvalidArgument);
}

// What the committer remembers of the last group, and what the history says, must agree.
TEST_F(KeyspacesTest, S1_ASnapshotKnowsItsRevisionAlsoAfterWhatIsNoCommit) {
  (void)Put(*store_, "a", "1");
  ASSERT_TRUE(store_->TrimHistory(100).ok());  // writes, and is no commit
  EXPECT_EQ((*store_->NewSnapshot())->revision(), 1u);
  Reopen();
  EXPECT_EQ((*store_->NewSnapshot())->revision(), 1u);
}

TEST_F(KeyspacesTest, S1_ManyKeysAreReadAsOfOneMoment) {
  (void)Put(*store_, "a", "1");
  (void)Put(*store_, "c", "3");
  const std::vector<std::string_view> keys = {"c", "b", "a", "c"};
  std::vector<std::string> values(keys.size());
  const auto take = [&](std::size_t i, const RecordView* record) {
    values[i] = record != nullptr ? std::string(record->value) : "none";
  };
  ASSERT_TRUE(store_->ReadMany({}, keys, take).ok());
  EXPECT_EQ(values, (std::vector<std::string>{"3", "none", "1", "3"}));
  const std::vector<std::string_view> bad = {"a", ""};
  EXPECT_EQ(store_->ReadMany({}, bad, take).code(), Code::kInvalidArgument);
  const std::vector<std::string_view> too_many(kMaxReadKeys + 1, "a");
  EXPECT_EQ(store_->ReadMany({}, too_many, take).reason(), "LIMIT_EXCEEDED");
}

TEST_F(KeyspacesTest, S1_ARangeIsDeletedInOneCommitThatNamesEachKey) {
  for (const char* key : {"a", "b/1", "b/2", "c"}) (void)Put(*store_, key, "v");
  WriteBatch batch;
  Operation range;
  range.kind = OperationKind::kDeleteRange;
  range.key = "b";
  range.range_end = "c";
  batch.operations = {range, PutOp("c", "w")};
  auto committed = store_->Commit(batch);
  ASSERT_TRUE(committed.ok()) << committed.status().ToString();
  EXPECT_EQ(committed->revision, 5u);
  EXPECT_EQ(committed->deleted_count, 2u);
  EXPECT_EQ(KeysIn({}), (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(HistoryFrom(*store_, 5), (std::vector<OwnedRow>{{5, RowKind::kPut, "c", "w"},
                                                            {5, RowKind::kDelete, "b/1", ""},
                                                            {5, RowKind::kDelete, "b/2", ""}}));
  batch.operations = {range};
  EXPECT_EQ(store_->Commit(batch)->revision, 5u);  // nothing there: no commit
  EXPECT_EQ(Put(*store_, "b/1", "again")->revision, 6u);
  EXPECT_EQ(store_->Get("b/1")->version, 1u);
  batch.operations = {range, PutOp("b/1", "")};
  EXPECT_EQ(store_->Commit(batch).status().reason(), "DUPLICATE_KEY");
  range.key = {};
  range.range_end = {};
  batch.operations = {range};
  EXPECT_EQ(store_->Commit(batch)->deleted_count, 3u);
}

TEST_F(KeyspacesTest, S1_AConditionOnTheValueLooksAtTheValueBeforeTheBatch) {
  WriteBatch batch;
  batch.operations = {PutOp("k", "2", Precondition::kValue)};
  batch.operations[0].if_value = "1";
  EXPECT_EQ(store_->Commit(batch).status().reason(), "VALUE_MISMATCH");
  (void)Put(*store_, "k", "1");
  ASSERT_TRUE(store_->Commit(batch).ok());
  EXPECT_EQ(store_->Commit(batch).status().reason(), "VALUE_MISMATCH");
  EXPECT_EQ(store_->Get("k")->value, "2");
}

TEST_F(KeyspacesTest, S3_AKeyThatChangedSinceItWasLookedAtRefusesTheBatch) {
  WriteBatch batch;
  batch.operations = {PutOp("k", "1")};
  batch.operations[0].seen_revision = 0;
  EXPECT_EQ(store_->Commit(batch)->revision, 1u);
  EXPECT_EQ(store_->Commit(batch).status().reason(), "CHANGED_MEANWHILE");
  batch.operations[0].seen_revision = 1;
  EXPECT_TRUE(store_->Commit(batch).ok());
}

TEST_F(KeyspacesTest, S3_OldValuesAreKeptWhileSomebodyWantsThem) {
  (void)Put(*store_, "k", "1");
  auto keep = store_->KeepOldValues(kDefaultKeyspace);
  (void)Put(*store_, "k", "2");
  (void)Put(*store_, "new", "1");
  (void)Delete(*store_, "k");
  keep.reset();
  (void)Put(*store_, "new", "2");
  EXPECT_EQ(HistoryFrom(*store_, 2), (std::vector<OwnedRow>{{1, RowKind::kOld, "k", "1"},
                                                            {2, RowKind::kPut, "k", "2"},
                                                            {3, RowKind::kPut, "new", "1"},
                                                            {2, RowKind::kOld, "k", "2"},
                                                            {4, RowKind::kDelete, "k", ""},
                                                            {5, RowKind::kPut, "new", "2"}}));
}

}  // namespace
}  // namespace belay::storage
