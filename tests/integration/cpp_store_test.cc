// The store of a real belayd through the C++ client: keyspaces, snapshots, batches, and hooks whose
// callbacks live in other clients and die with them.
//
// Arguments: the path of belayd. As "hold TARGET" it is a client of its own: a validator that never answers.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <functional>
#include <future>
#include <map>
#include <optional>
#include <thread>
#include <vector>

#include "belay/client/client.h"
#include "belay/client/store.h"
#include "belay/v1/storage.pb.h"
#include "tests/integration/belayd_process.h"

namespace belay::client {
namespace {

using namespace std::chrono_literals;

std::string belayd_path;
std::string own_path;

bool Eventually(const std::function<bool()>& is_true) {
  for (int i = 0; i < 2000; ++i) {
    if (is_true()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

class CppStore : public ::testing::Test {
 protected:
  CppStore() : belayd_(belayd_path) {}

  Client MustConnect(ClientOptions options = {}) {
    Result<Client> client = Client::Connect(belayd_.target(), std::move(options));
    EXPECT_TRUE(client.ok()) << client.status().ToString();
    return *std::move(client);
  }
  // One that hosts callbacks.
  Client MustConnectHost() { return MustConnect({.executor = ThreadExecutor(1)}); }

  testing::Belayd belayd_;
};

std::vector<std::string> KeysOf(const Store& store, ScanOptions options = {}) {
  std::vector<std::string> keys;
  const auto shown = store.Scan(options, [&](const Row& row) { keys.emplace_back(row.key); });
  EXPECT_TRUE(shown.ok()) << shown.status().ToString();
  return keys;
}

using Keys = std::vector<std::string>;

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

TEST_F(CppStore, S3_ANameIsOneWatchsAndForgettingItBeginsAnew) {
  Client writer = MustConnect();
  ASSERT_TRUE(writer.Put("w/1", "a").ok());
  const auto first_row = [&](WatchOptions options) {
    Client client = MustConnectHost();
    std::promise<std::string> told;
    std::atomic<bool> is_first{true};
    Result<Handle> watcher = client.Register(OnChange([&](const Row& row) {
      if (row.kind == RowKind::kPut && is_first.exchange(false))
        told.set_value(std::string(row.key));
    }));
    Result<Handle> watch = client.store().AttachWatch(watcher->id(), std::move(options));
    EXPECT_TRUE(watch.ok()) << watch.status().ToString();
    EXPECT_EQ(client.store().AttachWatch(watcher->id(), {.name = "mirror"}).code(),
              Code::kAlreadyExists);
    EXPECT_EQ(client.store().ForgetWatch("mirror").code, Code::kFailedPrecondition);
    std::string key = told.get_future().get();
    client.Close();
    return key;
  };
  const WatchOptions mirror = {
      .range = {.start = "w/", .end = "x"}, .state_first = true, .name = "mirror"};
  EXPECT_EQ(first_row(mirror), "w/1");
  EXPECT_EQ(writer.store().ForgetWatch("none").code, Code::kNotFound);
  // When the broker has noticed that the client is gone.
  EXPECT_TRUE(Eventually([&] { return writer.store().ForgetWatch("mirror").ok(); }));
  ASSERT_TRUE(writer.Put("w/0", "b").ok());
  EXPECT_EQ(first_row(mirror), "w/0") << "forgotten: it begins with the state again";
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

TEST_F(CppStore, S3_AValidatorInOneClientRejectsAndAmendsTheWritesOfAnother) {
  Client host = MustConnectHost();
  Client writer = MustConnect();
  Result<Handle> limit = host.Register(Validate([](const Row& row) {
    if (row.kind != RowKind::kPut || row.value.size() <= 3) return Status();
    return Status(Code::kInvalidArgument, "more than three bytes");
  }));
  Result<Handle> guard = host.store().AttachValidator(limit->id(), {.prefix = "short/"});
  ASSERT_TRUE(guard.ok()) << guard.status().ToString();
  EXPECT_TRUE(writer.Put("short/a", "abc").ok());
  const Result<std::uint64_t> rejected = writer.Put("short/a", "abcd");
  EXPECT_EQ(rejected.code(), Code::kFailedPrecondition);
  EXPECT_EQ(rejected.status().reason, "REJECTED");
  EXPECT_NE(rejected.status().message.find("more than three bytes"), std::string::npos)
      << rejected.status().ToString();
  EXPECT_EQ(writer.Get("short/a")->data, "abc");
  EXPECT_TRUE(writer.Put("free", "abcd").ok());

  // This one also shows that it may read through its own session.
  Result<Handle> logger = host.Register(Sync([&](const Request& request) -> Result<std::string> {
    const Result<Value> by = host.Get("auditor");
    if (!by.ok()) return by.status();
    RowWriter amended;
    RowReader rows(request.payload);
    Row row;
    while (rows.Next(row)) {
      if (row.kind == RowKind::kOld) continue;
      amended.Append(row);
      amended.Append({RowKind::kPut, 0, "log/" + std::string(row.key), by->data});
    }
    return amended.Take();
  }));
  ASSERT_TRUE(host.Put("auditor", "me").ok());
  Result<Handle> audit = host.store().AttachValidator(logger->id(), {.old_values = true});
  ASSERT_TRUE(audit.ok());
  EXPECT_TRUE(writer.Put("short/b", "1").ok());
  EXPECT_EQ(writer.Get("log/short/b")->data, "me");
  EXPECT_EQ(writer.Get("short/b")->mod_revision, writer.Get("log/short/b")->mod_revision);
  EXPECT_TRUE(host.Put("short/c", "1").ok());  // the host's own writes are others' to it

  EXPECT_TRUE(host.DetachWatch(audit->Detach()).ok());
  EXPECT_TRUE(host.Release(guard->Detach()).ok());
  EXPECT_TRUE(writer.Put("short/a", "abcd").ok());
  EXPECT_EQ(writer.Get("log/short/a").code(), Code::kNotFound);
}

TEST_F(CppStore, S3_AnUpdateIsDoneAnewWhenAnotherClientWasFaster) {
  Client slow = MustConnectHost();
  Client fast = MustConnectHost();
  const auto plus_one = [](const std::string_view* value) -> std::optional<std::string> {
    return std::to_string(value != nullptr ? std::stoi(std::string(*value)) + 1 : 1);
  };
  std::promise<void> asked;
  std::promise<void> go;
  std::atomic<int> runs{0};
  Result<Handle> slowly = slow.Register(Change("n", [&](const std::string_view* value) {
    if (++runs == 1) {
      asked.set_value();
      go.get_future().wait();
    }
    return plus_one(value);
  }));
  Result<Handle> quickly = fast.Register(Change("n", plus_one));
  std::promise<Result<std::uint64_t>> done;
  slow.store().UpdateAsync("n", slowly->id(), {}, [&](Result<std::uint64_t> revision) {
    done.set_value(std::move(revision));
  });
  asked.get_future().wait();
  EXPECT_EQ(*fast.store().Update("n", quickly->id()), 1u);
  go.set_value();
  EXPECT_EQ(*done.get_future().get(), 2u);
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(fast.Get("n")->data, "2");
}

TEST_F(CppStore, S3_ConcurrentUpdatesLoseNone) {
  Client host = MustConnectHost();
  Result<Handle> own = host.Register(
      Change("n",
             [](const std::string_view* value) -> std::optional<std::string> {
               return std::to_string(value != nullptr ? std::stoi(std::string(*value)) + 1 : 1);
             }),
      {.name = "count"});
  ASSERT_TRUE(own.ok());
  constexpr int kUpdates = 50;
  const auto update = [&] {
    Client client = MustConnect();
    Result<Handle> count = client.Resolve("count");
    for (int i = 0; i < kUpdates; ++i) {
      EXPECT_TRUE(client.store().Update("n", count->id(), {.async = true}).ok());
    }
  };
  std::thread other(update);
  update();
  other.join();
  EXPECT_EQ(host.Get("n")->data, std::to_string(2 * kUpdates));
}

// The host of a validator is killed while a write waits for its word: the writer gets an error that says so,
// nothing is written, and later writes are not asked about.
TEST_F(CppStore, S3_AValidatorsHostThatIsKilledFailsTheWriteAndNoOther) {
  Client writer = MustConnect();
  testing::Child host({own_path, "hold", belayd_.target()});
  const auto knows = [&](const std::string& name) {
    return [&writer, name] { return writer.Resolve(name).ok(); };
  };
  ASSERT_TRUE(Eventually(knows("attached")));
  std::promise<Result<std::uint64_t>> answer;
  writer.PutAsync("g/a", "1", {},
                  [&](Result<std::uint64_t> revision) { answer.set_value(std::move(revision)); });
  ASSERT_TRUE(Eventually(knows("asked")));
  EXPECT_EQ(writer.Get("g/a").code(), Code::kNotFound);
  host.Signal(SIGKILL);
  std::future<Result<std::uint64_t>> future = answer.get_future();
  ASSERT_EQ(future.wait_for(5s), std::future_status::ready);
  const Status failed = future.get().status();
  EXPECT_EQ(failed.code, Code::kUnavailable) << failed.ToString();
  EXPECT_EQ(failed.reason, "VALIDATOR_FAILED");
  EXPECT_NE(failed.message.find("HOST_LOST"), std::string::npos) << failed.ToString();
  EXPECT_EQ(writer.Get("g/a").code(), Code::kNotFound);
  EXPECT_TRUE(Eventually([&] { return writer.Put("g/a", "2").ok(); }));
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

// A client that attaches a validator, says so, says when it is asked, and never answers.
int Hold(const std::string& target) {
  Result<Client> client = Client::Connect(target, {.executor = ThreadExecutor(1)});
  if (!client.ok()) return 1;
  std::vector<Responder> unanswered;
  std::optional<Result<Handle>> asked;
  Result<Handle> rule = client->Register([&](const Request&, Responder responder) {
    unanswered.push_back(std::move(responder));
    asked = client->Register(OnChange([](const Row&) {}), {.name = "asked"});
  });
  if (!rule.ok()) return 1;
  const Result<Handle> guard = client->store().AttachValidator(rule->id(), {.prefix = "g/"});
  const Result<Handle> attached =
      client->Register(OnChange([](const Row&) {}), {.name = "attached"});
  if (!guard.ok() || !attached.ok()) return 1;
  (void)getchar();  // until killed, or whoever started it has gone
  return 0;
}

}  // namespace
}  // namespace belay::client

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "hold") return belay::client::Hold(argv[2]);
  ::testing::InitGoogleTest(&argc, argv);
  if (argc != 2) return 2;
  belay::client::own_path = argv[0];
  belay::client::belayd_path = argv[1];
  return RUN_ALL_TESTS();
}
