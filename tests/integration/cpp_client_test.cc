// The C++ client against a real belayd: calls between processes, lives of closures, and deaths.
//
// Arguments: the paths of belayd and of the sample remote_host.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <future>
#include <mutex>
#include <set>

#include "belay/client/client.h"
#include "belay/client/unary.h"
#include "belay/v1/admin.pb.h"
#include "tests/integration/client_fixture.h"

namespace belay::client {
namespace {

using namespace std::chrono_literals;

std::string remote_host_path;

using CppClient = WithBelayd;

TEST_F(CppClient, TenThousandCallsSixtyFourInFlight) {
  Client host = MustConnect();
  Client caller = MustConnect();
  EXPECT_NE(host.session_id(), caller.session_id());
  EXPECT_EQ(host.epoch(), caller.epoch());
  std::atomic<int> runs{0};
  Result<Handle> own = host.Register(Sync([&](const Request& request) -> Result<std::string> {
                                       ++runs;
                                       return request.payload + "!";
                                     }),
                                     {.label = "echo", .name = "it/echo"});
  ASSERT_TRUE(own.ok()) << own.status().ToString();
  Result<Handle> echo = caller.Resolve("it/echo");
  ASSERT_TRUE(echo.ok()) << echo.status().ToString();

  constexpr int kCalls = 10'000;
  constexpr int kInFlight = 64;
  std::recursive_mutex mutex;
  std::condition_variable_any changed;
  int begun = 0;
  int ended = 0;
  std::set<std::string> wrong;
  std::function<void()> next = [&] {
    const std::string text = std::to_string(begun++);
    caller.InvokeAsync(echo->id(), text, {}, [&, text](const Result<std::string>& result) {
      std::scoped_lock lock(mutex);
      if (!result.ok()) wrong.insert(result.status().ToString());
      if (result.ok() && *result != text + "!") wrong.insert(*result);
      ++ended;
      changed.notify_all();
      if (begun < kCalls && result.ok()) next();
    });
  };
  const auto begin = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex);
  for (int i = 0; i < kInFlight; ++i) next();
  EXPECT_TRUE(changed.wait_for(lock, 60s, [&] { return ended == kCalls; })) << ended;
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  RecordProperty("calls_per_second", static_cast<int>(kCalls / seconds.count()));
  lock.unlock();
  caller.Close();  // before what the completions refer to
  EXPECT_TRUE(wrong.empty()) << *wrong.begin();
  EXPECT_EQ(runs, kCalls);
}

// A token says who a client is, on its session and with its unary calls; a wrong one is refused at once.
TEST(CppClientToken, IsBroughtToTheBroker) {
  const std::string path = ::testing::TempDir() + "/tokens";
  std::ofstream(path)
      << "shop 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\n";  // of "secret"
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  testing::Belayd belayd(BelaydPath(), {"--tokens", path});
  const Result<Client> shop = Client::Connect(belayd.target(), {.token = "secret"});
  EXPECT_TRUE(shop.ok()) << shop.status().ToString();
  v1::ListSessionsResponse sessions;
  EXPECT_TRUE(UnaryClient(belayd.target(), 5000, "secret").ListSessions({}, &sessions).ok());
  ASSERT_EQ(sessions.sessions_size(), 1);
  EXPECT_EQ(sessions.sessions(0).identity(), "token:shop");
  EXPECT_EQ(Client::Connect(belayd.target(), {.token = "forged"}).status().code,
            Code::kUnauthenticated);
  EXPECT_EQ(UnaryClient(belayd.target(), 5000, "forged").ListSessions({}, &sessions).code,
            Code::kUnauthenticated);
}

// W5: the call finishes, its answer arrives, then Released, and then the closure is destroyed, once.
TEST_F(CppClient, ReleaseWhileACallIsInFlight) {
  Client host = MustConnect({.executor = ThreadExecutor(1)});
  Client caller = MustConnect();
  auto captured = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = captured;
  std::promise<void> begun;
  std::promise<void> go;
  std::atomic<int> released{0};
  Result<Handle> own = host.Register(Sync([&, captured](const Request&) -> Result<std::string> {
                                       begun.set_value();
                                       go.get_future().wait();
                                       return std::to_string(*captured);
                                     }),
                                     {.name = "it/slow", .on_released = [&] { ++released; }});
  ASSERT_TRUE(own.ok());
  captured.reset();
  Result<Handle> slow = caller.Resolve("it/slow");
  ASSERT_TRUE(slow.ok());
  std::promise<Result<std::string>> answer;
  caller.InvokeAsync(slow->id(), "", {.timeout_ms = 30'000},
                     [&](Result<std::string> result) { answer.set_value(std::move(result)); });
  begun.get_future().wait();
  const std::uint64_t id = own->Detach();
  EXPECT_TRUE(host.Release(id).ok());
  EXPECT_EQ(host.Release(id).code, Code::kStale);
  slow->Reset();
  EXPECT_TRUE(caller.Ping(5000).ok());
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(released, 0);
  EXPECT_FALSE(watched.expired());
  go.set_value();
  const Result<std::string> result = answer.get_future().get();
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_EQ(*result, "1");
  EXPECT_TRUE(Eventually([&] { return released == 1; }));
  EXPECT_TRUE(watched.expired());
  host.Close();
  EXPECT_EQ(released, 1);
}

// W4: a host that dies answers its callers at once, saying how far they got.
TEST_F(CppClient, DeathOfTheHostAnswersItsCallers) {
  testing::Child host({remote_host_path, belayd_.target()});
  Client caller = MustConnect();
  std::uint64_t greet = 0;
  ASSERT_TRUE(Eventually([&] {
    Result<Handle> found = caller.Resolve("demo.greet");
    if (found.ok()) greet = found->Detach();
    return found.ok();
  }));
  ASSERT_TRUE(caller.Invoke(greet, "x").ok());
  host.Signal(SIGSTOP);
  std::promise<Status> answer;
  caller.InvokeAsync(greet, "x", {.timeout_ms = 30'000},
                     [&](const Result<std::string>& result) { answer.set_value(result.status()); });
  EXPECT_TRUE(caller.Ping(5000).ok());
  const auto begin = std::chrono::steady_clock::now();
  host.Signal(SIGKILL);
  std::future<Status> future = answer.get_future();
  ASSERT_EQ(future.wait_for(5s), std::future_status::ready);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
  const Status status = future.get();
  EXPECT_EQ(status.code, Code::kHostLost) << status.ToString();
  EXPECT_NE(status.certainty, Certainty::kUnspecified);
  EXPECT_NE(status.certainty, Certainty::kNotSent);
  EXPECT_FALSE(caller.Invoke(greet, "again").ok());
}

TEST_F(CppClient, DeathOfTheBrokerEndsEverythingAndANewSessionStands) {
  std::promise<Status> lost;
  Client host = MustConnect({.executor = ThreadExecutor(1),
                             .session_life = SessionLife::kEndsWithConnection,
                             .on_lost = [&](const Status& status) { lost.set_value(status); }});
  std::atomic<int> released{0};
  std::promise<void> begun;
  std::promise<void> go;
  Result<Handle> own = host.Register(Sync([&](const Request&) -> Result<std::string> {
                                       begun.set_value();
                                       go.get_future().wait();
                                       return std::string();
                                     }),
                                     {.on_released = [&] { ++released; }});
  std::promise<Status> answer;
  host.InvokeAsync(own->id(), "", {},
                   [&](const Result<std::string>& result) { answer.set_value(result.status()); });
  begun.get_future().wait();
  (void)belayd_.End(SIGKILL);
  EXPECT_EQ(lost.get_future().get().reason, kConnectionFailed);
  const Status status = answer.get_future().get();
  EXPECT_EQ(status.code, Code::kUnavailable);
  EXPECT_EQ(status.certainty, Certainty::kSentUnknown);
  EXPECT_EQ(released, 0) << "the closure still runs";
  go.set_value();
  EXPECT_TRUE(Eventually([&] { return released == 1; }));
  belayd_.Start();
  Client again = MustConnect();
  EXPECT_NE(again.epoch(), host.epoch());
}

TEST_F(CppClient, StoreFilterAndWatch) {
  Client client = MustConnect({.executor = ThreadExecutor(2)});
  for (int i = 0; i < 1000; ++i) {
    WriteOptions options;
    options.async = i != 999;
    ASSERT_TRUE(client.Put("n/" + std::to_string(1000 + i), std::to_string(i), options).ok());
  }
  const Result<Value> value = client.Get("n/1500");
  ASSERT_TRUE(value.ok()) << value.status().ToString();
  EXPECT_EQ(value->data, "500");
  EXPECT_EQ(value->version, 1u);
  EXPECT_EQ(client.Put("n/1500", "x", {.if_absent = true}).code(), Code::kAborted);
  int modulus = 250;
  Result<Handle> filter = client.Register(Filter(
      [modulus](const Row& row) { return std::stoi(std::string(row.value)) % modulus == 0; }));
  ASSERT_TRUE(filter.ok());
  std::vector<std::string> kept;
  ScanOptions scan;
  scan.prefix = "n/";
  scan.reverse = true;
  scan.filter_handle = filter->id();
  const Status scanned = client.Scan(scan, [&](const Row& row) { kept.emplace_back(row.key); });
  EXPECT_TRUE(scanned.ok()) << scanned.ToString();
  EXPECT_EQ(kept, (std::vector<std::string>{"n/1750", "n/1500", "n/1250", "n/1000"}));

  std::mutex mutex;
  std::vector<std::string> seen;
  Result<Handle> watcher = client.Register(OnChange([&](const Row& row) {
    std::scoped_lock lock(mutex);
    seen.emplace_back(row.key);
  }));
  Result<Handle> watch = client.AttachWatch(watcher->id(), "w/");
  ASSERT_TRUE(watch.ok()) << watch.status().ToString();
  ASSERT_TRUE(client.Put("other", "1").ok());
  ASSERT_TRUE(client.Put("w/1", "1").ok());
  ASSERT_TRUE(client.Delete("w/1").ok());
  EXPECT_TRUE(Eventually([&] {
    std::scoped_lock lock(mutex);
    return seen == std::vector<std::string>{"w/1", "w/1"};
  }));
  EXPECT_TRUE(client.DetachWatch(watch->Detach()).ok());
}

}  // namespace
}  // namespace belay::client

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc != 3) return 2;
  belay::client::BelaydPath() = argv[1];
  belay::client::remote_host_path = argv[2];
  return RUN_ALL_TESTS();
}
