// Sessions of the C++ client that outlive connections, and a belayd that is killed and started again.
//
// Arguments: the path of belayd.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <string>
#include <vector>

#include "belay/client/client.h"
#include "belay/client/store.h"
#include "tests/integration/client_fixture.h"
#include "tests/integration/cut_proxy.h"

namespace belay::client {
namespace {

using namespace std::chrono_literals;

// What a client was told of its session.
class Events {
 public:
  std::function<void(const SessionEvent&)> Listener() {
    return [this](const SessionEvent& event) {
      const std::scoped_lock lock(mutex_);
      ++counts_.at(static_cast<std::size_t>(event.kind));
      if (event.kind == SessionEvent::Kind::kNotPutBack) not_put_back_.push_back(event.handle);
      changed_.notify_all();
    };
  }
  int Count(SessionEvent::Kind kind) const {
    const std::scoped_lock lock(mutex_);
    return counts_.at(static_cast<std::size_t>(kind));
  }
  // Waits for the n-th of a kind; false after half a minute.
  bool Wait(SessionEvent::Kind kind, int n = 1) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 30s,
                             [&] { return counts_.at(static_cast<std::size_t>(kind)) >= n; });
  }
  std::vector<std::uint64_t> not_put_back() const {
    const std::scoped_lock lock(mutex_);
    return not_put_back_;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::array<int, 4> counts_{};
  std::vector<std::uint64_t> not_put_back_;
};

class CppResume : public WithBelayd {
 protected:
  Client MustConnectThrough(const testing::CutProxy& proxy, ClientOptions options) {
    Result<Client> client = Client::Connect(proxy.target(), std::move(options));
    EXPECT_TRUE(client.ok()) << client.status().ToString();
    return *std::move(client);
  }
};

TEST_F(CppResume, W3_W9_ConnectionsThatBreakInTheMiddleOfCallsLoseAndDoubleNothing) {
  constexpr int kCalls = 3'000;
  constexpr int kInFlight = 32;
  constexpr int kCutEvery = 250;
  Events host_events;
  Events caller_events;
  testing::CutProxy proxy(belayd_.target());
  Client host = MustConnectThrough(
      proxy, {.client_name = "host", .grace_ms = 20'000, .on_event = host_events.Listener()});
  Client caller = MustConnectThrough(
      proxy, {.client_name = "caller", .grace_ms = 20'000, .on_event = caller_events.Listener()});
  const std::uint64_t session_id = host.session_id();
  std::vector<std::atomic<int>> runs(kCalls);
  Result<Handle> own = host.Register(Sync([&](const Request& request) -> Result<std::string> {
                                       ++runs.at(std::stoul(request.payload));
                                       return request.payload;
                                     }),
                                     {.name = "it/echo"});
  ASSERT_TRUE(own.ok()) << own.status().ToString();
  Result<Handle> echo = caller.Resolve("it/echo");
  ASSERT_TRUE(echo.ok()) << echo.status().ToString();

  std::recursive_mutex mutex;
  std::condition_variable_any changed;
  int begun = 0;
  int ended = 0;
  std::vector<std::string> wrong;
  std::function<void()> next = [&] {
    const std::string text = std::to_string(begun++);
    caller.InvokeAsync(echo->id(), text, {}, [&, text](const Result<std::string>& result) {
      const std::scoped_lock lock(mutex);
      if (!result.ok() || *result != text)
        wrong.push_back(text + ": " + (result.ok() ? *result : result.status().ToString()));
      ++ended;
      changed.notify_all();
      if (begun < kCalls) next();
    });
  };
  {
    const std::scoped_lock lock(mutex);
    for (int i = 0; i < kInFlight; ++i) next();
  }
  for (int until = kCutEvery; until < kCalls; until += kCutEvery) {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, 60s, [&] { return ended >= until; })) << ended;
    lock.unlock();
    proxy.Cut();
  }
  std::unique_lock lock(mutex);
  ASSERT_TRUE(changed.wait_for(lock, 60s, [&] { return ended == kCalls; })) << ended;
  lock.unlock();
  EXPECT_TRUE(wrong.empty()) << wrong.size() << ", first " << wrong.front();
  for (int i = 0; i < kCalls; ++i) EXPECT_EQ(runs[static_cast<std::size_t>(i)], 1) << "call " << i;
  EXPECT_GT(host_events.Count(SessionEvent::Kind::kResumed), 0);
  EXPECT_GT(caller_events.Count(SessionEvent::Kind::kResumed), 0);
  EXPECT_EQ(host_events.Count(SessionEvent::Kind::kRenewed), 0);
  EXPECT_EQ(host.session_id(), session_id);
  caller.Close();
  host.Close();
}

TEST_F(CppResume, W3_AfterTheBrokersDeathWhatWasOfferedIsPutBackAndTheRestIsSaid) {
  Events events;
  std::mutex mutex;
  std::vector<std::string> seen;
  std::atomic<int> released{0};
  std::promise<void> begun;
  std::promise<void> go;
  Client host = MustConnect({.client_name = "host",
                             .executor = ThreadExecutor(2),
                             .grace_ms = 20'000,
                             .on_event = events.Listener()});
  const std::uint64_t epoch = host.epoch();
  Result<Handle> greet = host.Register(Sync([](const Request& request) -> Result<std::string> {
                                         return "hello " + request.payload;
                                       }),
                                       {.name = "it/greet", .on_released = [&] { ++released; }});
  Result<Handle> slow = host.Register(Sync([&](const Request&) -> Result<std::string> {
    begun.set_value();
    go.get_future().wait();
    return std::string("late");
  }));
  Result<Handle> watcher = host.Register(OnChange([&](const Row& row) {
    const std::scoped_lock lock(mutex);
    seen.emplace_back(row.key);
  }));
  ASSERT_TRUE(greet.ok() && slow.ok() && watcher.ok());
  Result<Handle> watch = host.AttachWatch(watcher->id(), "w/");
  ASSERT_TRUE(watch.ok()) << watch.status().ToString();
  Result<Handle> resolved = host.Resolve("it/greet");
  ASSERT_TRUE(resolved.ok());
  std::promise<Status> in_flight;
  host.InvokeAsync(slow->id(), "", {}, [&](const Result<std::string>& result) {
    in_flight.set_value(result.status());
  });
  begun.get_future().wait();

  (void)belayd_.End(SIGKILL);
  ASSERT_TRUE(events.Wait(SessionEvent::Kind::kDisconnected));
  belayd_.Start();
  ASSERT_TRUE(events.Wait(SessionEvent::Kind::kRenewed));
  EXPECT_EQ(in_flight.get_future().get().certainty, Certainty::kSentUnknown);
  EXPECT_NE(host.epoch(), epoch);
  EXPECT_EQ(released, 0) << "it lives on in the new session";

  Client caller = MustConnect();
  Result<Handle> found = caller.Resolve("it/greet");
  ASSERT_TRUE(found.ok()) << found.status().ToString();
  const Result<std::string> answer = caller.Invoke(found->id(), "you");
  ASSERT_TRUE(answer.ok()) << answer.status().ToString();
  EXPECT_EQ(*answer, "hello you");
  const Result<std::string> by_own = host.Invoke(greet->id(), "me");
  ASSERT_TRUE(by_own.ok()) << by_own.status().ToString();
  EXPECT_EQ(*by_own, "hello me");
  const Status stale = host.Invoke(resolved->id(), "").status();
  EXPECT_EQ(stale.code, Code::kStale);
  EXPECT_EQ(stale.certainty, Certainty::kNotSent);
  ASSERT_TRUE(caller.Put("w/1", "x").ok());
  EXPECT_TRUE(Eventually([&] {
    const std::scoped_lock lock(mutex);
    return seen == std::vector<std::string>{"w/1"};
  }));
  // The answer of the old session's call is of no use to the new one, and does it no harm.
  go.set_value();
  EXPECT_TRUE(host.Ping(5'000).ok());
  EXPECT_TRUE(host.Release(greet->Detach()).ok());
  found->Reset();
  EXPECT_TRUE(Eventually([&] { return released == 1; }));
  EXPECT_TRUE(events.not_put_back().empty());
}

}  // namespace
}  // namespace belay::client

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc != 2) return 2;
  belay::client::BelaydPath() = argv[1];
  return RUN_ALL_TESTS();
}
