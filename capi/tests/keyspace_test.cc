// Keyspaces, snapshots, and what of a store is read without a cursor, through the C ABI (S1, I3).
#include <atomic>
#include <thread>

#include "capi/tests/store_fixture.h"

namespace belay::capi {
namespace {

class KeyspaceTest : public StoreFixture {
 protected:
  belay_handle Keyspace(const char* name, std::uint32_t flags = BELAY_KEYSPACE_CREATE) const {
    belay_handle keyspace = 0;
    EXPECT_EQ(belay_keyspace_open(store_, name, flags, &keyspace), BELAY_OK) << LastMessage();
    return keyspace;
  }
  belay_status TryOpen(const char* name, std::uint32_t flags = 0) const {
    belay_handle keyspace = 0;
    return belay_keyspace_open(store_, name, flags, &keyspace);
  }
  belay_handle Snapshot() const {
    belay_handle snapshot = 0;
    EXPECT_EQ(belay_store_snapshot(store_, &snapshot), BELAY_OK) << LastMessage();
    return snapshot;
  }
  static std::uint64_t Count(belay_handle store) {
    std::uint64_t count = 0;
    EXPECT_EQ(belay_store_count(store, nullptr, 0, nullptr, 0, &count), BELAY_OK) << LastMessage();
    return count;
  }
};

TEST_F(KeyspaceTest, S1_AKeyspaceHasItsOwnKeysAndSharesTheRevisions) {
  const belay_handle other = Keyspace("other");
  Put("k", "here");
  const std::uint64_t before = Revision();
  ASSERT_EQ(TryPut(other, "k", "there"), BELAY_OK) << LastMessage();
  EXPECT_EQ(Revision(), before + 1);
  EXPECT_EQ(Get("k"), "here");
  EXPECT_EQ(Get(other, "k"), "there");
  EXPECT_EQ(Get(Keyspace("other", 0), "k"), "there") << "by another handle";
  EXPECT_EQ(Get(Keyspace("default", 0), "k"), "here");
}

TEST_F(KeyspaceTest, S1_AKeyspaceIsMadeWhenAskedForAndIsDurable) {
  EXPECT_EQ(TryOpen("other"), BELAY_NOT_FOUND);
  EXPECT_EQ(LastReason(), "NO_KEYSPACE");
  ASSERT_EQ(TryPut(Keyspace("other"), "k", "v"), BELAY_OK);
  Close();
  Open();
  EXPECT_EQ(Get(Keyspace("other", 0), "k"), "v");
}

TEST_F(KeyspaceTest, S1_TheBrokersOwnKeyspacesAreNotForClients) {
  EXPECT_EQ(TryOpen("system"), BELAY_PERMISSION_DENIED);
  EXPECT_EQ(TryOpen("system", BELAY_KEYSPACE_CREATE), BELAY_PERMISSION_DENIED);
  EXPECT_EQ(belay_keyspace_drop(store_, "system"), BELAY_FAILED_PRECONDITION);
  EXPECT_EQ(belay_keyspace_drop(store_, "default"), BELAY_FAILED_PRECONDITION);
}

TEST_F(KeyspaceTest, I7_NamesOfKeyspacesAreChecked) {
  const std::string longest(128, 'n');
  EXPECT_EQ(TryOpen(longest.c_str(), BELAY_KEYSPACE_CREATE), BELAY_OK) << LastMessage();
  for (const std::string& name : {std::string(), std::string("a b"), std::string("a/b"),
                                  std::string("\xc3\xa4"), std::string(129, 'n')}) {
    EXPECT_EQ(TryOpen(name.c_str(), BELAY_KEYSPACE_CREATE), BELAY_INVALID_ARGUMENT) << name;
  }
  EXPECT_EQ(TryOpen("other", 2), BELAY_INVALID_ARGUMENT) << "an unknown flag";
}

TEST_F(KeyspaceTest, S1_HandlesToADroppedKeyspaceNeverLeadToAnotherOfItsName) {
  const belay_handle dropped = Keyspace("other");
  ASSERT_EQ(TryPut(dropped, "k", "v"), BELAY_OK);
  belay_handle batch = 0;
  ASSERT_EQ(belay_batch_open(dropped, &batch), BELAY_OK);
  ASSERT_EQ(belay_batch_put(batch, "k", 1, "v", 1, nullptr), BELAY_OK);
  ASSERT_EQ(belay_keyspace_drop(store_, "other"), BELAY_OK) << LastMessage();
  EXPECT_EQ(belay_keyspace_drop(store_, "other"), BELAY_NOT_FOUND);
  const belay_handle made_anew = Keyspace("other");
  EXPECT_EQ(Count(made_anew), 0U);
  std::uint64_t size = 0;
  belay_handle cursor = 0;
  EXPECT_EQ(belay_store_get(dropped, "k", 1, nullptr, 0, &size, nullptr), BELAY_NOT_FOUND);
  EXPECT_EQ(LastReason(), "NO_KEYSPACE");
  EXPECT_EQ(TryPut(dropped, "k", "v"), BELAY_NOT_FOUND);
  EXPECT_EQ(LastReason(), "NO_KEYSPACE");
  EXPECT_EQ(belay_batch_commit(batch, nullptr, nullptr), BELAY_NOT_FOUND);
  EXPECT_EQ(LastReason(), "NO_KEYSPACE");
  EXPECT_EQ(belay_store_scan(dropped, nullptr, &cursor), BELAY_NOT_FOUND);
  EXPECT_EQ(LastReason(), "NO_KEYSPACE");
  EXPECT_EQ(Count(made_anew), 0U);
}

TEST_F(KeyspaceTest, S1_ACursorGoesOnThoughItsKeyspaceIsDropped) {
  const belay_handle other = Keyspace("other");
  ASSERT_EQ(TryPut(other, "k", "v"), BELAY_OK);
  belay_handle cursor = 0;
  ASSERT_EQ(belay_store_scan(other, nullptr, &cursor), BELAY_OK) << LastMessage();
  ASSERT_EQ(belay_keyspace_drop(store_, "other"), BELAY_OK);
  std::array<char, 256> block{};
  std::uint64_t size = 0;
  ASSERT_EQ(belay_cursor_next(cursor, block.data(), block.size(), &size), BELAY_OK)
      << LastMessage();
  EXPECT_EQ(ReadRows(block.data(), size), Rows{"+k=v"});
}

TEST_F(KeyspaceTest, I5_ListingStepsByTheCallersSizeAndTellsHowManyThereAre) {
  struct Newer {
    belay_keyspace_info known;
    std::uint64_t unknown;
  };
  (void)Keyspace("zebra");
  (void)Keyspace("apple");
  std::uint64_t count = 0;
  ASSERT_EQ(belay_keyspace_list(store_, nullptr, 0, &count), BELAY_OK) << LastMessage();
  EXPECT_EQ(count, 4U) << "default and system are among them";
  std::array<Newer, 2> infos{};
  infos[0].known.struct_size = sizeof(Newer);
  infos[0].unknown = infos[1].unknown = 7;
  ASSERT_EQ(belay_keyspace_list(store_, &infos[0].known, infos.size(), &count), BELAY_OK);
  EXPECT_EQ(count, 4U) << "more than were written";
  EXPECT_STREQ(infos[0].known.name, "apple");
  EXPECT_STREQ(infos[1].known.name, "default");
  EXPECT_NE(infos[0].known.id, infos[1].known.id);
  EXPECT_EQ(infos[1].unknown, 7U);
}

TEST_F(KeyspaceTest, S1_ASnapshotShowsItsMomentWhileWritesGoOn) {
  for (int i = 0; i < 10; ++i) Put("k" + std::to_string(i), "old");
  const belay_handle snapshot = Snapshot();
  const std::uint64_t taken_at = Revision();
  std::atomic<bool> stop{false};
  std::atomic<int> writes{0};
  std::thread writer([&] {
    auto async = Sized<belay_write_options>();
    async.flags = BELAY_WRITE_ASYNC;
    while (!stop) {
      EXPECT_EQ(TryPut(store_, "k" + std::to_string(writes % 20), "new", &async), BELAY_OK);
      if (++writes == 20) writes.notify_one();
    }
  });
  writes.wait(0);
  for (int round = 0; round < 200; ++round) {
    ASSERT_EQ(Get(snapshot, "k3"), "old");
    ASSERT_EQ(Get(snapshot, "k13"), std::nullopt);
    ASSERT_EQ(Count(snapshot), 10U);
  }
  for (int seen = writes; seen < 20; seen = writes) writes.wait(seen);
  stop = true;
  writer.join();
  std::uint64_t revision = 0;
  ASSERT_EQ(belay_store_revision(snapshot, &revision, nullptr), BELAY_OK);
  EXPECT_EQ(revision, taken_at);
  EXPECT_EQ(Count(store_), 20U);
  EXPECT_EQ(Get("k3"), "new");
}

TEST_F(KeyspaceTest, S1_ASnapshotIsReadOnly) {
  Put("k", "v");
  const belay_handle snapshot = Snapshot();
  const belay_handle callback = Hook([](belay_call*) { return BELAY_OK; });
  auto watch = Sized<belay_watch_options>();
  auto validator = Sized<belay_validator_options>();
  auto update = Sized<belay_update_options>();
  watch.callback = validator.callback = update.callback = callback;
  belay_handle opened = 0;
  const belay_status refusals[] = {
      TryPut(snapshot, "k", "w"),
      belay_store_delete(snapshot, "k", 1, nullptr, nullptr),
      belay_store_delete_range(snapshot, nullptr, 0, nullptr, 0, nullptr, nullptr, nullptr),
      belay_batch_open(snapshot, &opened),
      belay_watch_attach(snapshot, &watch, &opened),
      belay_validator_attach(snapshot, &validator, &opened),
      belay_store_update(snapshot, "k", 1, &update, nullptr),
      belay_store_compact(snapshot, nullptr, 0, nullptr, 0),
      belay_store_trim_history(snapshot, 1),
  };
  for (const belay_status status : refusals) EXPECT_EQ(status, BELAY_FAILED_PRECONDITION);
  EXPECT_EQ(LastReason(), "SNAPSHOT");
  EXPECT_EQ(opened, 0U);
  EXPECT_EQ(Get("k"), "v");
  EXPECT_EQ(belay_release(snapshot), BELAY_OK);
  std::uint64_t size = 0;
  EXPECT_EQ(belay_store_get(snapshot, "k", 1, nullptr, 0, &size, nullptr), BELAY_STALE);
}

TEST_F(KeyspaceTest, I3_ManyKeysAreReadInTheOrderAskedFor) {
  for (const std::string_view key : {"a", "b", "c"}) Put(key, std::string(key) + "!");
  const belay_bytes keys[] = {{"c", 1}, {"none", 4}, {"a", 1}, {"c", 1}};
  std::array<char, 256> block{};
  std::uint64_t size = 0;
  ASSERT_EQ(belay_store_get_many(store_, keys, 4, nullptr, 0, &size), BELAY_BUFFER_TOO_SMALL);
  const std::uint64_t needed = size;
  ASSERT_EQ(belay_store_get_many(store_, keys, 4, block.data(), needed - 1, &size),
            BELAY_BUFFER_TOO_SMALL);
  EXPECT_EQ(size, needed);
  ASSERT_EQ(belay_store_get_many(store_, keys, 4, block.data(), needed, &size), BELAY_OK);
  EXPECT_EQ(ReadRows(block.data(), size), (Rows{"+c=c!", "+a=a!", "+c=c!"}));
  const belay_handle snapshot = Snapshot();
  Put("a", "?");
  ASSERT_EQ(belay_store_get_many(snapshot, keys, 4, block.data(), block.size(), &size), BELAY_OK);
  EXPECT_EQ(ReadRows(block.data(), size), (Rows{"+c=c!", "+a=a!", "+c=c!"}));
  ASSERT_EQ(belay_store_get_many(store_, nullptr, 0, block.data(), block.size(), &size), BELAY_OK);
  EXPECT_EQ(ReadRows(block.data(), size), Rows{});
  EXPECT_EQ(belay_store_get_many(store_, keys, 10'001, block.data(), block.size(), &size),
            BELAY_INVALID_ARGUMENT);
}

TEST_F(KeyspaceTest, S1_AKeyKnowsItsRevisionsAndItsVersion) {
  Put("elsewhere", "");
  Put("k", "1");
  const std::uint64_t created = Revision();
  Put("elsewhere", "");
  Put("k", "three");
  auto info = Sized<belay_key_info>();
  ASSERT_EQ(belay_store_key_info(store_, "k", 1, &info), BELAY_OK) << LastMessage();
  EXPECT_EQ(info.value_size, 5U);
  EXPECT_EQ(info.create_revision, created);
  EXPECT_EQ(info.mod_revision, Revision());
  EXPECT_EQ(info.version, 2U);
  EXPECT_EQ(info.expires_at_ms, 0);
  ASSERT_EQ(belay_store_delete(store_, "k", 1, nullptr, nullptr), BELAY_OK);
  EXPECT_EQ(belay_store_key_info(store_, "k", 1, &info), BELAY_NOT_FOUND);
  Put("k", "");
  ASSERT_EQ(belay_store_key_info(store_, "k", 1, &info), BELAY_OK);
  EXPECT_EQ(info.version, 1U) << "another life";
  EXPECT_EQ(info.create_revision, Revision());
}

TEST_F(KeyspaceTest, S1_ARangeIsCountedExactlyAndEstimatedWithoutReading) {
  for (const std::string_view key : {"a", "b", "c", "d"}) Put(key, "v");
  std::uint64_t count = 0;
  ASSERT_EQ(belay_store_count(store_, "b", 1, "d", 1, &count), BELAY_OK) << LastMessage();
  EXPECT_EQ(count, 2U);
  ASSERT_EQ(belay_store_count(store_, "b", 1, nullptr, 0, &count), BELAY_OK);
  EXPECT_EQ(count, 3U);
  std::uint64_t keys = 0;
  std::uint64_t size_bytes = 0;
  ASSERT_EQ(belay_store_estimate(store_, nullptr, 0, nullptr, 0, &keys, &size_bytes), BELAY_OK)
      << LastMessage();
  EXPECT_GT(keys, 0U);
  EXPECT_GT(size_bytes, 0U);
  EXPECT_EQ(belay_store_estimate(store_, nullptr, 0, nullptr, 0, nullptr, nullptr), BELAY_OK);
}

TEST_F(KeyspaceTest, I7_ARangeThatEndsBeforeItBeginsHoldsNothing) {
  Put("c", "v");
  std::uint64_t count = 7;
  ASSERT_EQ(belay_store_count(store_, "d", 1, "b", 1, &count), BELAY_OK) << LastMessage();
  EXPECT_EQ(count, 0U);
  std::uint64_t keys = 7;
  std::uint64_t size_bytes = 7;
  ASSERT_EQ(belay_store_estimate(store_, "d", 1, "b", 1, &keys, &size_bytes), BELAY_OK)
      << LastMessage();
  EXPECT_EQ(keys, 0U);
  EXPECT_EQ(size_bytes, 0U);
  EXPECT_EQ(belay_store_compact(store_, "d", 1, "b", 1), BELAY_OK) << LastMessage();
  EXPECT_EQ(Get("c"), "v");
}

TEST_F(KeyspaceTest, S1_HistoryIsKeptUntilItIsTrimmed) {
  for (int i = 0; i < 3; ++i) Put("k", std::to_string(i));
  std::uint64_t oldest = 0;
  ASSERT_EQ(belay_store_revision(store_, nullptr, &oldest), BELAY_OK);
  EXPECT_EQ(oldest, 1U);
  ASSERT_EQ(belay_store_trim_history(store_, 3), BELAY_OK) << LastMessage();
  ASSERT_EQ(belay_store_revision(store_, nullptr, &oldest), BELAY_OK);
  EXPECT_EQ(oldest, 3U);
  auto watch = Sized<belay_watch_options>();
  watch.callback = Hook([](belay_call*) { return BELAY_OK; });
  watch.from_revision = 2;
  belay_handle subscription = 0;
  EXPECT_EQ(belay_watch_attach(store_, &watch, &subscription), BELAY_COMPACTED);
  EXPECT_EQ(Get("k"), "2");
}

}  // namespace
}  // namespace belay::capi
