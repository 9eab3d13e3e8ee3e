// Watches, validators and updates whose callbacks live in other clients of a real belayd, and die with them.
//
// Argument: the path of belayd. As "hold TARGET" it is a client of its own: a validator that never answers.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "belay/client/client.h"
#include "belay/client/store.h"
#include "tests/integration/client_fixture.h"

namespace belay::client {
namespace {

using namespace std::chrono_literals;

std::string own_path;

using CppHooks = WithBelayd;

TEST_F(CppHooks, S3_ANameIsOneWatchsAndForgettingItBeginsAnew) {
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

TEST_F(CppHooks, S3_AValidatorInOneClientRejectsAndAmendsTheWritesOfAnother) {
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

TEST_F(CppHooks, S3_AMergeOperatorInOneClientServesTheBatchesOfAnother) {
  Client host = MustConnectHost();
  Client writer = MustConnect();
  Result<Handle> join = host.Register(
      Merge([](const std::string_view* value, std::string_view operand) {
        return std::optional(value != nullptr ? std::string(*value) + "," + std::string(operand)
                                              : std::string(operand));
      }),
      {.name = "join"});
  ASSERT_TRUE(join.ok()) << join.status().ToString();
  ASSERT_TRUE(writer.Put("a", "1").ok());
  Batch batch;
  batch.Merge("a", "join", "2").Merge("b", "join", "3").Merge("log", "append", "x");
  const Result<Written> written = writer.store().Write(batch);
  ASSERT_TRUE(written.ok()) << written.status().ToString();
  EXPECT_EQ(written->revision, 2U);
  EXPECT_EQ(writer.Get("a")->data, "1,2");
  EXPECT_EQ(writer.Get("b")->data, "3");
  EXPECT_EQ(writer.Get("log")->data, "x");
  const Result<std::uint64_t> own = host.store().Merge("a", "join", "4", {.ttl_ms = 3'600'000});
  ASSERT_TRUE(own.ok()) << own.status().ToString();
  EXPECT_EQ(*own, 3U);
  EXPECT_EQ(writer.Get("a")->data, "1,2,4");
  EXPECT_NE(writer.Get("a")->expires_at_ms, 0);
  EXPECT_EQ(writer.store().Merge("a", "nobody's", "").status().reason, "NO_OPERATOR");
  host.Close();
  EXPECT_TRUE(Eventually([&] {
    return writer.store().Merge("a", "join", "").status().reason == "NO_OPERATOR";
  })) << "the name goes with its host";
}

TEST_F(CppHooks, S3_AProjectionInTheReadersProcessGivesLess) {
  Client reader = MustConnectHost();
  for (int i = 0; i < 600; ++i) {
    const std::string number = std::to_string(1'000 + i);
    ASSERT_TRUE(reader.Put("p/" + number, number + std::string(1'000, '.'), {.async = true}).ok());
  }
  Result<Handle> numbers =
      reader.Register(Project([](const Row& row) -> std::optional<std::string> {
                        if (row.value[3] != '7') return std::nullopt;
                        return std::string(row.value.substr(0, 4));
                      }),
                      {.name = "numbers"});
  Result<Handle> late = reader.Register(Filter([](const Row& row) { return row.key >= "p/1500"; }));
  const auto scan = [&](ScanOptions options) {
    std::vector<std::string> values;
    options.prefix = "p/";
    const Status status =
        reader.Scan(options, [&](const Row& row) { values.emplace_back(row.value); });
    EXPECT_TRUE(status.ok()) << status.ToString();
    return values;
  };
  const auto all = scan({.projection_handle = numbers->id()});
  ASSERT_EQ(all.size(), 60U);
  EXPECT_EQ(all.front(), "1007");
  EXPECT_EQ(scan({.projection_name = "numbers"}), all);
  const auto few = scan(
      {.reverse = true, .limit = 2, .filter_handle = late->id(), .projection_name = "numbers"});
  EXPECT_EQ(few, (std::vector<std::string>{"1597", "1587"}));
  const auto refuse = [&](const ScanOptions& options) {
    return reader.Scan(options, [](const Row&) {}).code;
  };
  EXPECT_EQ(refuse({.projection_name = "numbers", .projection_handle = numbers->id()}),
            Code::kInvalidArgument);
  EXPECT_EQ(refuse({.filter_handle = late->id(), .projection_name = "none"}), Code::kNotFound);
  EXPECT_EQ(refuse({.keys_only = true, .projection_name = "numbers"}), Code::kInvalidArgument);
}

TEST_F(CppHooks, S3_AnUpdateIsDoneAnewWhenAnotherClientWasFaster) {
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

TEST_F(CppHooks, S3_ConcurrentUpdatesLoseNone) {
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
TEST_F(CppHooks, S3_AValidatorsHostThatIsKilledFailsTheWriteAndNoOther) {
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
  belay::client::BelaydPath() = argv[1];
  return RUN_ALL_TESTS();
}
