// The store of a real belayd through the C++ client: keyspaces, snapshots, batches, pages, times to live.
//
// Argument: the path of belayd.
#include <gtest/gtest.h>

#include <future>
#include <map>
#include <string>
#include <vector>

#include "belay/client/client.h"
#include "belay/client/store.h"
#include "belay/v1/storage.pb.h"
#include "tests/integration/client_fixture.h"

namespace belay::client {
namespace {

using namespace std::chrono_literals;

using CppStore = WithBelayd;
using Keys = std::vector<std::string>;

Keys KeysOf(const Store& store, const ScanOptions& options = {}) {
  Keys keys;
  const auto shown = store.Scan(options, [&](const Row& row) { keys.emplace_back(row.key); });
  EXPECT_TRUE(shown.ok()) << shown.status().ToString();
  return keys;
}

TEST_F(CppStore, S1_ABatchWhoseConditionDoesNotHoldLeavesNothing) {
  Client client = MustConnect();
  const Store store = client.store();
  ASSERT_TRUE(store.Put("there", "1").ok());
  const std::map<std::string, WriteOptions> refused = {
      {"KEY_EXISTS", {.if_absent = true}},
      {"REVISION_MISMATCH", {.if_revision = 77}},
      {"VALUE_MISMATCH", {.if_value = ""}},
  };
  for (const auto& [reason, condition] : refused) {
    const Result<Written> written =
        store.Write(Batch().Put("new", "1").Put("there", "2", condition));
    EXPECT_EQ(written.code(), Code::kAborted);
    EXPECT_EQ(written.status().reason, reason);
    EXPECT_EQ(store.Write(Batch().Put("new", "1").Check("there", condition)).status().reason,
              reason);
    EXPECT_EQ(store.Get("new").code(), Code::kNotFound);
    EXPECT_EQ(store.Get("there")->data, "1");
  }
  Batch batch;
  batch.Put("new", "1", {.if_absent = true}).Delete("there", {.if_value = "1"});
  const Result<Written> written = store.Write(batch);
  ASSERT_TRUE(written.ok()) << written.status().ToString();
  EXPECT_EQ(written->revision, 2u);
  EXPECT_EQ(written->deleted_count, 1u);
  EXPECT_EQ(KeysOf(store), Keys{"new"});
  EXPECT_EQ(store.Write(Batch().DeleteRange({.prefix = "n"}))->deleted_count, 1u);
  EXPECT_EQ(*store.Count(), 0u);
}

TEST_F(CppStore, S1_KeyspacesAreApart) {
  Client client = MustConnect();
  const Result<Keyspace> made = client.CreateKeyspace("orders");
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  EXPECT_EQ(client.CreateKeyspace("orders").code(), Code::kAlreadyExists);
  const Store orders = client.store("orders");
  ASSERT_TRUE(client.Put("k", "default").ok());
  ASSERT_TRUE(orders.Put("k", "orders").ok());
  ASSERT_TRUE(orders.Put("only", "1").ok());
  EXPECT_EQ(client.Get("k")->data, "default");
  EXPECT_EQ(orders.Get("k")->data, "orders");
  EXPECT_EQ(KeysOf(client.store()), Keys{"k"});
  EXPECT_EQ(*orders.Count(), 2u);
  EXPECT_TRUE(orders.Estimate().ok());
  const Result<std::vector<Keyspace>> listed = client.ListKeyspaces();
  ASSERT_TRUE(listed.ok());
  Keys names;
  for (const Keyspace& keyspace : *listed) names.push_back(keyspace.name);
  EXPECT_EQ(names, (Keys{"default", "orders", "system"}));
  EXPECT_TRUE(client.DropKeyspace("orders").ok());
  EXPECT_EQ(orders.Get("k").status().reason, "NO_KEYSPACE");
  EXPECT_GT(client.CreateKeyspace("orders")->id, made->id);
  EXPECT_EQ(client.store("system").Get("k").code(), Code::kPermissionDenied);
  EXPECT_TRUE(client.Flush().ok());
}

TEST_F(CppStore, S1_ASnapshotShowsTheOldInEveryKeyspace) {
  Client client = MustConnect();
  ASSERT_TRUE(client.CreateKeyspace("b").ok());
  ASSERT_TRUE(client.Put("k", "old").ok());
  ASSERT_TRUE(client.store("b").Put("k", "old b").ok());
  Result<Snapshot> snapshot = client.TakeSnapshot();
  ASSERT_TRUE(snapshot.ok()) << snapshot.status().ToString();
  EXPECT_EQ(snapshot->revision, 2u);
  ASSERT_TRUE(client.Put("k", "new").ok());
  ASSERT_TRUE(client.Put("more", "1").ok());
  ASSERT_TRUE(client.store("b").Delete("k").ok());

  const Store then = client.store().At(*snapshot);
  EXPECT_EQ(then.Get("k")->data, "old");
  EXPECT_EQ(client.store("b").At(*snapshot).Get("k")->data, "old b");
  EXPECT_EQ(KeysOf(then), Keys{"k"});
  EXPECT_EQ(*then.Count(), 1u);
  const Result<std::vector<Record>> records = then.GetMany({"more", "k"});
  ASSERT_TRUE(records.ok());
  ASSERT_EQ(records->size(), 1u);
  EXPECT_EQ((*records)[0].key, "k");
  EXPECT_EQ((*records)[0].value.mod_revision, 1u);
  EXPECT_EQ(then.Put("k", "x").code(), Code::kInvalidArgument);
  EXPECT_EQ(client.Get("k")->data, "new");

  snapshot->handle.Reset();
  EXPECT_EQ(client.store().GetMany({"more", "k"})->size(), 2u);
}

TEST_F(CppStore, S1_PagesOfAScanAndAWatchFromWhereItWas) {
  Client client = MustConnectHost();
  for (const char* key : {"p/1", "p/2", "p/3"}) ASSERT_TRUE(client.Put(key, "v").ok());
  EXPECT_EQ(KeysOf(client.store(), {.prefix = "p/", .start_after = "p/1"}), (Keys{"p/2", "p/3"}));
  EXPECT_EQ(KeysOf(client.store(), {.start_after = "p/3", .reverse = true, .limit = 1}),
            Keys{"p/2"});
  const Result<std::uint64_t> shown = client.store().Scan({}, [](const Row&) {});
  ASSERT_TRUE(shown.ok());
  ASSERT_TRUE(client.Put("p/4", "v").ok());
  std::promise<std::string> changed;
  Result<Handle> watcher =
      client.Register(OnChange([&](const Row& row) { changed.set_value(std::string(row.key)); }));
  Result<Handle> watch = client.store().AttachWatch(
      watcher->id(), {.range = {.prefix = "p/"}, .from_revision = *shown + 1});
  ASSERT_TRUE(watch.ok()) << watch.status().ToString();
  EXPECT_EQ(changed.get_future().get(), "p/4");
}

TEST_F(CppStore, S1_AKeyGoesWhenItsTimeHasCome) {
  Client client = MustConnectHost();
  std::promise<void> gone;
  Result<Handle> watcher = client.Register(OnChange([&](const Row& row) {
    if (row.kind == RowKind::kDelete) gone.set_value();
  }));
  Result<Handle> watch = client.AttachWatch(watcher->id(), "");
  ASSERT_TRUE(client.Put("soon", "v", {.ttl_ms = 1}).ok());
  ASSERT_TRUE(client.store().Write(Batch().Put("later", "v", {.ttl_ms = 1'000'000'000})).ok());
  ASSERT_EQ(gone.get_future().wait_for(30s), std::future_status::ready);
  EXPECT_EQ(client.Get("soon").code(), Code::kNotFound);
  EXPECT_GT(client.Get("later")->expires_at_ms, 0);
}

TEST_F(CppStore, S4_TheUnaryDoorChecksAndTells) {
  Client client = MustConnect();
  ASSERT_TRUE(client.Put("k", "v").ok());
  UnaryClient unary(belayd_.target(), 30'000);
  std::uint64_t done = 0;
  std::uint64_t total = 1;
  EXPECT_TRUE(unary
                  .Verify([&](const v1::VerifyResponse& so_far) {
                    done = so_far.done();
                    total = so_far.total();
                    return true;
                  })
                  .ok());
  EXPECT_EQ(done, total);
  EXPECT_EQ(unary.Verify([](const v1::VerifyResponse&) { return false; }).code, Code::kCancelled);
  v1::GetStoreStatsResponse stats;
  EXPECT_TRUE(unary.GetStoreStats({}, &stats).ok());
  EXPECT_EQ(stats.revision(), 1u);
  v1::CheckpointResponse backup;
  EXPECT_EQ(unary.Checkpoint({}, &backup).reason, "NO_BACKUP_DIR");
  v1::CompactResponse compacted;
  EXPECT_TRUE(unary.Compact({}, &compacted).ok());
}

}  // namespace
}  // namespace belay::client

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc != 2) return 2;
  belay::client::BelaydPath() = argv[1];
  return RUN_ALL_TESTS();
}
