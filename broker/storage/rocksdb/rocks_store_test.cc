#include "broker/storage/rocksdb/rocks_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "broker/storage/rocksdb/test_util.h"

namespace belay::storage {
namespace {

using base::Code;

class RocksStoreTest : public testing::Test {
 protected:
  std::string path() const { return folder_ / "store"; }

  TempFolder folder_;
};

std::vector<std::string> KeysOf(const std::vector<OwnedRow>& rows) {
  std::vector<std::string> keys;
  for (const OwnedRow& row : rows) keys.push_back(row.key);
  return keys;
}

TEST_F(RocksStoreTest, S1_EveryCommitGetsOneRevisionAndKeysKnowTheirs) {
  auto store = MustOpen(path());
  EXPECT_EQ(store->CurrentRevision(), 0u);
  EXPECT_EQ(Put(*store, "a", "1")->revision, 1u);
  WriteBatch batch;
  batch.operations = {PutOp("a", "2"), PutOp("b", "1")};
  EXPECT_EQ(store->Commit(batch)->revision, 2u);
  auto a = store->Get("a");
  ASSERT_TRUE(a.ok());
  EXPECT_EQ(a->value, "2");
  EXPECT_EQ(a->create_revision, 1u);
  EXPECT_EQ(a->mod_revision, 2u);
  EXPECT_EQ(a->version, 2u);
  auto deleted = Delete(*store, "a");
  EXPECT_EQ(deleted->revision, 3u);
  EXPECT_EQ(deleted->deleted_count, 1u);
  EXPECT_EQ(store->Get("a").code(), Code::kNotFound);
  EXPECT_EQ(Put(*store, "a", "3")->revision, 4u);
  a = store->Get("a");
  EXPECT_EQ(a->create_revision, 4u);  // a new life
  EXPECT_EQ(a->version, 1u);
  EXPECT_EQ(store->CurrentRevision(), 4u);
}

TEST_F(RocksStoreTest, S1_ABatchWithoutEffectMakesNoRevision) {
  auto store = MustOpen(path());
  ASSERT_TRUE(Put(*store, "a", "1").ok());
  auto deleted = Delete(*store, "absent");
  ASSERT_TRUE(deleted.ok());
  EXPECT_EQ(deleted->revision, 1u);
  EXPECT_EQ(deleted->deleted_count, 0u);
  WriteBatch check;
  check.operations = {CheckOp("a", Precondition::kRevision, 1)};
  EXPECT_EQ(store->Commit(check)->revision, 1u);
  EXPECT_EQ(store->CurrentRevision(), 1u);
  EXPECT_EQ(Put(*store, "b", "1")->revision, 2u);
}

TEST_F(RocksStoreTest, S1_APreconditionThatDoesNotHoldRefusesTheWholeBatch) {
  auto store = MustOpen(path());
  ASSERT_TRUE(Put(*store, "there", "1").ok());
  const auto refused = [&](std::vector<Operation> operations, std::string_view reason,
                           std::string_view named) {
    WriteBatch batch;
    batch.operations = std::move(operations);
    batch.operations.insert(batch.operations.begin(), PutOp("bystander", "1"));
    auto result = store->Commit(batch);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.code(), Code::kAborted);
    EXPECT_EQ(result.status().reason(), reason);
    EXPECT_NE(result.status().message().find(named), std::string::npos);
    EXPECT_EQ(store->Get("bystander").code(), Code::kNotFound);
    EXPECT_EQ(store->CurrentRevision(), 1u);
  };
  refused({PutOp("there", "2", Precondition::kAbsent)}, "KEY_EXISTS", "\"there\"");
  refused({PutOp("there", "2", Precondition::kRevision, 7)}, "REVISION_MISMATCH", "\"there\"");
  refused({PutOp("new", "2", Precondition::kRevision, 1)}, "REVISION_MISMATCH", "\"new\"");
  refused({DeleteOp("new", Precondition::kRevision, 0)}, "REVISION_MISMATCH", "\"new\"");
  refused({CheckOp("there", Precondition::kAbsent)}, "KEY_EXISTS", "\"there\"");
  WriteBatch fine;
  fine.operations = {PutOp("there", "2", Precondition::kRevision, 1),
                     PutOp("new", "1", Precondition::kAbsent)};
  EXPECT_EQ(store->Commit(fine)->revision, 2u);
}

TEST_F(RocksStoreTest, S1_ErrorsNameTheKeyEscapedAndShortened) {
  auto store = MustOpen(path());
  EXPECT_EQ(store->Get("a\n").status().message(), "no key \"a\\x0a\"");
  EXPECT_EQ(store->Get("").code(), Code::kInvalidArgument);
  EXPECT_EQ(Put(*store, "", "v").code(), Code::kInvalidArgument);
  EXPECT_EQ(store->Get(std::string(kMaxKeyBytes + 1, 'k')).status().reason(), "LIMIT_EXCEEDED");
}

TEST_F(RocksStoreTest, S1_TheGreatestKeyAndValueFit) {
  auto store = MustOpen(path());
  const std::string key(kMaxKeyBytes, '\xff');
  const std::string value(kMaxValueBytes, 'v');
  ASSERT_TRUE(Put(*store, key, value, Durability::kAsync).ok());
  EXPECT_TRUE(store->Get(key)->value == value);
  auto page = store->ReadHistory({1, "", "", 1, 1});  // larger than the page: it comes whole
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->row_count, 1u);
  RowBlockBuilder rows;
  EXPECT_TRUE((*store->NewScan({}))->Next(&rows, 10, 1).ok());
  EXPECT_EQ(rows.row_count(), 1u);
}

TEST_F(RocksStoreTest, S2_ReopenKeepsEverythingAndRevisionsGoOn) {
  {
    auto store = MustOpen(path());
    EXPECT_EQ(store->BootEpoch(), 1u);
    ASSERT_TRUE(Put(*store, "a", "1").ok());
    ASSERT_TRUE(Put(*store, "b", "2", Durability::kAsync).ok());
    ASSERT_TRUE(Delete(*store, "a").ok());
    ASSERT_TRUE(store->TrimHistory(2).ok());
  }
  auto store = MustOpen(path());
  EXPECT_EQ(store->BootEpoch(), 2u);
  EXPECT_EQ(store->CurrentRevision(), 3u);
  EXPECT_EQ(store->OldestRevision(), 2u);
  EXPECT_EQ(store->Get("a").code(), Code::kNotFound);
  EXPECT_EQ(store->Get("b")->mod_revision, 2u);
  const std::vector<OwnedRow> expected = {{2, RowKind::kPut, "b", "2"},
                                          {3, RowKind::kDelete, "a", ""}};
  EXPECT_EQ(HistoryFrom(*store, 2), expected);
  EXPECT_EQ(Put(*store, "c", "3")->revision, 4u);
}

TEST_F(RocksStoreTest, S1_ScansForwardReverseRangePrefixLimit) {
  auto store = MustOpen(path());
  for (const char* key : {"a", "b1", "b2", "b3", "c"}) ASSERT_TRUE(Put(*store, key, key).ok());
  using Keys = std::vector<std::string>;
  const auto keys = [&](const ScanOptions& options) {
    return KeysOf(ScanAll(**store->NewScan(options), 2));
  };
  EXPECT_EQ(keys({}), (Keys{"a", "b1", "b2", "b3", "c"}));
  EXPECT_EQ(keys({.reverse = true}), (Keys{"c", "b3", "b2", "b1", "a"}));
  EXPECT_EQ(keys({.start = "b", .end = PrefixEnd("b")}), (Keys{"b1", "b2", "b3"}));
  EXPECT_EQ(keys({.start = "b", .end = PrefixEnd("b"), .reverse = true}), (Keys{"b3", "b2", "b1"}));
  EXPECT_EQ(keys({.start = "b2", .end = "c"}), (Keys{"b2", "b3"}));  // half open
  EXPECT_EQ(keys({.limit = 3}), (Keys{"a", "b1", "b2"}));
  EXPECT_EQ(keys({.reverse = true, .limit = 1}), (Keys{"c"}));
  EXPECT_EQ(keys({.start = "x"}), Keys{});
  EXPECT_EQ(keys({.start = "c", .end = "a"}), Keys{});  // upside down is empty, not an error
  EXPECT_EQ(keys({.start = "c", .end = "a", .reverse = true}), Keys{});
  auto rows = ScanAll(**store->NewScan({.keys_only = true, .limit = 1}));
  EXPECT_EQ(rows, (std::vector<OwnedRow>{{1, RowKind::kPut, "a", ""}}));
  RowBlockBuilder builder;
  EXPECT_EQ((*store->NewScan({}))->Next(&builder, 0, 1).code(), Code::kInvalidArgument);
}

TEST_F(RocksStoreTest, S1_AScanPageRespectsItsBytesButHasARow) {
  auto store = MustOpen(path());
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(Put(*store, key, "0123456789").ok());
  auto scan = std::move(*store->NewScan({}));
  const std::size_t two_rows = kRowBlockHeaderBytes + 2 * RowBytes(1, 10);
  RowBlockBuilder builder;
  ASSERT_TRUE(scan->Next(&builder, 10, two_rows).ok());
  EXPECT_EQ(builder.row_count(), 2u);
  EXPECT_EQ(builder.size_bytes(), two_rows);
  builder.Take();
  ASSERT_TRUE(scan->Next(&builder, 10, 1).ok());
  EXPECT_EQ(builder.row_count(), 1u);
  EXPECT_EQ(scan->Next(&builder, 10, 1).code(), Code::kEnd);
  EXPECT_EQ(builder.row_count(), 1u);
}

TEST_F(RocksStoreTest, S1_AScanShowsOneSnapshotWhileOthersWrite) {
  auto store = MustOpen(path());
  // Both keys are always written together: a scan that saw them differ saw half a commit.
  const auto write = [&](int i) {
    WriteBatch batch;
    batch.operations = {PutOp("a", std::to_string(i)), PutOp("z", std::to_string(i))};
    batch.durability = Durability::kAsync;
    ASSERT_TRUE(store->Commit(batch).ok());
  };
  write(0);
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int i = 1; !stop.load(); ++i) write(i);
  });
  for (int round = 0; round < 5'000; ++round) {
    auto scan = std::move(*store->NewScan({.reverse = round % 2 == 1}));
    auto rows = ScanAll(*scan, 1);
    EXPECT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows.front().value, rows.back().value);
    EXPECT_EQ(rows.front().revision, scan->revision());
  }
  stop.store(true);
  writer.join();
}

TEST_F(RocksStoreTest, R12_AScanOutlivesItsStore) {
  auto store = MustOpen(path());
  ASSERT_TRUE(Put(*store, "a", "1").ok());
  auto scan = std::move(*store->NewScan({}));
  store.reset();
  EXPECT_EQ(ScanAll(*scan).size(), 1u);
  scan.reset();
  MustOpen(path());  // only now is the folder free
}

TEST_F(RocksStoreTest, S3_HistoryIsOrderedFilteredAndNeverSplitsACommit) {
  auto store = MustOpen(path());
  WriteBatch batch;
  batch.operations = {PutOp("w/1", "a"), PutOp("w/2", "b"), PutOp("x", "c")};
  ASSERT_TRUE(store->Commit(batch).ok());
  ASSERT_TRUE(Put(*store, "x", "d").ok());
  ASSERT_TRUE(Delete(*store, "w/1").ok());
  ASSERT_TRUE(Put(*store, "w/3", "e").ok());

  const std::string end = PrefixEnd("w/");
  auto page = store->ReadHistory({1, "w/", end, 1, 1'000});
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->row_count, 2u);      // the first commit comes whole
  EXPECT_EQ(page->next_revision, 3u);  // the second does not concern us
  EXPECT_EQ(RowsOf(page->rows), (std::vector<OwnedRow>{{1, RowKind::kPut, "w/1", "a"},
                                                       {1, RowKind::kPut, "w/2", "b"}}));
  page = store->ReadHistory({3, "w/", end, 100, 1'000});
  EXPECT_EQ(RowsOf(page->rows), (std::vector<OwnedRow>{{3, RowKind::kDelete, "w/1", ""},
                                                       {4, RowKind::kPut, "w/3", "e"}}));
  EXPECT_EQ(page->next_revision, 5u);
  page = store->ReadHistory({5, "", "", 100, 1'000});
  EXPECT_EQ(page->row_count, 0u);
  EXPECT_EQ(page->next_revision, 5u);
  EXPECT_EQ(store->ReadHistory({0, "", "", 1, 1}).code(), Code::kInvalidArgument);
  EXPECT_EQ(store->ReadHistory({1, "", "", 0, 1}).code(), Code::kInvalidArgument);
  EXPECT_EQ(store->ReadHistory({1, "", "", 1, 0}).code(), Code::kInvalidArgument);
}

TEST_F(RocksStoreTest, S3_TrimmedHistoryIsCompactedNamingTheOldest) {
  auto store = MustOpen(path());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Put(*store, "k", std::to_string(i)).ok());
  EXPECT_EQ(store->OldestRevision(), 1u);
  ASSERT_TRUE(store->TrimHistory(4).ok());
  EXPECT_EQ(store->OldestRevision(), 4u);
  auto page = store->ReadHistory({3, "", "", 10, 1'000});
  EXPECT_EQ(page.code(), Code::kCompacted);
  EXPECT_NE(page.status().message().find("the oldest is 4"), std::string::npos);
  EXPECT_EQ(HistoryFrom(*store, 4).size(), 2u);
  ASSERT_TRUE(store->TrimHistory(2).ok());  // backwards: no effect
  EXPECT_EQ(store->OldestRevision(), 4u);
  ASSERT_TRUE(store->TrimHistory(1'000).ok());  // all of it
  EXPECT_EQ(store->OldestRevision(), 6u);
  EXPECT_EQ(store->Get("k")->value, "4");
  EXPECT_EQ(Put(*store, "k", "5")->revision, 6u);
  EXPECT_EQ(HistoryFrom(*store, 6).size(), 1u);
}

TEST_F(RocksStoreTest, S3_TheListenerHearsOfEveryCommitUnderNoLock) {
  auto store = MustOpen(path());
  std::atomic<Revision> heard{0};
  store->SetCommitListener([&](Revision revision) {
    EXPECT_GE(store->CurrentRevision(), revision);
    EXPECT_TRUE(store->Get("k").ok());  // would deadlock under the store's lock
    heard.store(revision);
  });
  ASSERT_TRUE(Put(*store, "k", "1").ok());
  EXPECT_EQ(heard.load(), 1u);
  ASSERT_TRUE(Delete(*store, "absent").ok());
  EXPECT_EQ(heard.load(), 1u);
  store->SetCommitListener(nullptr);
  ASSERT_TRUE(Put(*store, "k", "2").ok());
  EXPECT_EQ(heard.load(), 1u);
}

TEST_F(RocksStoreTest, S5_ASecondOpenerInThisProcessIsTold) {
  auto store = MustOpen(path());
  RocksOptions options;
  options.path = path() + "/../store/";  // the same folder by another name
  auto second = OpenRocksStore(options);
  EXPECT_EQ(second.code(), Code::kFailedPrecondition);
  EXPECT_EQ(second.status().reason(), "STORE_LOCKED");
  EXPECT_NE(second.status().message().find(options.path), std::string::npos);
  EXPECT_TRUE(Put(*store, "a", "1").ok());  // and the first is none the worse
  store.reset();
  MustOpen(path());
}

TEST_F(RocksStoreTest, I7_BadPathsAreClearErrors) {
  const auto open = [](const std::string& path, bool create = true) {
    RocksOptions options;
    options.path = path;
    options.create_if_missing = create;
    auto store = OpenRocksStore(options);
    return store.ok() ? base::Status() : store.status();
  };
  EXPECT_EQ(open("").code(), Code::kInvalidArgument);
  EXPECT_EQ(open(std::string("a\0b", 3)).code(), Code::kInvalidArgument);
  EXPECT_EQ(open(folder_ / "absent", false).code(), Code::kNotFound);
  const base::Status parent = open(folder_ / "no/parent");
  EXPECT_EQ(parent.code(), Code::kNotFound);
  EXPECT_NE(parent.message().find(folder_ / "no,"), std::string::npos) << parent.message();

  std::ofstream(folder_ / "file") << "text";
  EXPECT_EQ(open(folder_ / "file").reason(), "NOT_A_STORE");
  EXPECT_EQ(open(folder_ / "file/below").reason(), "NOT_A_STORE");

  std::filesystem::create_directory(folder_ / "foreign");
  std::ofstream(folder_ / "foreign/thesis.tex") << "text";
  const base::Status foreign = open(folder_ / "foreign");
  EXPECT_EQ(foreign.reason(), "NOT_A_STORE");
  EXPECT_NE(foreign.message().find("thesis.tex"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "foreign/BELAY"));  // left as it was

  std::filesystem::create_directory(folder_ / "empty");
  EXPECT_EQ(open(folder_ / "empty", false).code(), Code::kNotFound);
  EXPECT_TRUE(open(folder_ / "empty").ok());

  std::filesystem::create_directory(folder_ / "sealed");
  ::chmod((folder_ / "sealed").c_str(), 0500);
  if (::geteuid() != 0) {  // root may write anywhere
    EXPECT_EQ(open(folder_ / "sealed").code(), Code::kPermissionDenied);
  }
}

TEST_F(RocksStoreTest, S4_DamagedAndForeignStoresAreRefused) {
  const auto open = [&] {
    RocksOptions options;
    options.path = path();
    auto store = OpenRocksStore(options);
    return store.ok() ? base::Status() : store.status();
  };
  {
    auto store = MustOpen(path());
    ASSERT_TRUE(Put(*store, "a", "1").ok());
  }
  std::ofstream(path() + "/BELAY", std::ios::trunc) << "belay store 2\n";
  EXPECT_EQ(open().reason(), "UNKNOWN_FORMAT");
  std::ofstream(path() + "/BELAY", std::ios::trunc) << "what is this";
  EXPECT_EQ(open().reason(), "NOT_A_STORE");
  std::ofstream(path() + "/BELAY", std::ios::trunc) << "belay store 1\n";
  EXPECT_TRUE(open().ok());
  // A store that lost its files is not taken for a new one.
  std::filesystem::rename(path() + "/rocksdb/CURRENT", path() + "/rocksdb/hidden");
  EXPECT_EQ(open().code(), Code::kDataLoss);
  std::ofstream(path() + "/rocksdb/CURRENT") << "MANIFEST-999999\n";
  const base::Status manifest = open();
  EXPECT_FALSE(manifest.ok());
  std::filesystem::rename(path() + "/rocksdb/hidden", path() + "/rocksdb/CURRENT");
  auto store = MustOpen(path());
  EXPECT_EQ(store->Get("a")->value, "1");
}

TEST_F(RocksStoreTest, S2_ACreationCutShortIsBegunAnew) {
  std::filesystem::create_directories(path() + "/rocksdb");
  std::ofstream(path() + "/BELAY") << "belay st";
  std::ofstream(path() + "/rocksdb/000001.dbtmp") << "MANI";
  auto store = MustOpen(path());
  EXPECT_EQ(Put(*store, "a", "1")->revision, 1u);
}

}  // namespace
}  // namespace belay::storage
