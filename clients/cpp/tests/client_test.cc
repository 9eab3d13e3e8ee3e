// The client against a fake broker: calls, the lives of closures, the store, packing.
#include "belay/client/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "belay/v1/session.pb.h"
#include "clients/cpp/tests/client_fixture.h"
#include "clients/cpp/tests/fake_broker.h"

namespace belay::client {
namespace {

using namespace std::chrono_literals;

TEST(Client, RegistersAndInvokesByName) {
  FakeBroker broker;
  Client host = MustConnect(broker);
  Client caller = MustConnect(broker);
  EXPECT_EQ(host.epoch(), 77u);
  Result<Handle> own = host.Register(Echo(), {.label = "echo", .name = "demo/echo"});
  ASSERT_TRUE(own.ok()) << own.status().ToString();
  Result<Handle> found = caller.Resolve("demo/echo");
  ASSERT_TRUE(found.ok());
  const Result<std::string> reply = caller.Invoke(found->id(), "hello");
  ASSERT_TRUE(reply.ok()) << reply.status().ToString();
  EXPECT_EQ(*reply, "hello");
  EXPECT_EQ(caller.Resolve("demo/none").code(), Code::kNotFound);
  EXPECT_EQ(host.Register(Echo(), {.name = "demo/echo"}).code(), Code::kAlreadyExists);
  EXPECT_TRUE(caller.Ping(5000).ok());
}

TEST(Client, ReleaseIsIdempotentAndSaysStale) {
  FakeBroker broker;
  Client client = MustConnect(broker);
  const std::uint64_t id = client.Register(Echo())->Detach();
  Result<Handle> second = client.Retain(id);
  ASSERT_TRUE(second.ok());
  EXPECT_NE(second->id(), id);
  EXPECT_TRUE(client.Release(id).ok());
  EXPECT_EQ(client.Release(id).code, Code::kStale);
  EXPECT_EQ(*client.Invoke(second->id(), "still"), "still");
}

// W5: the closure is destroyed once, after Released, then on_released is called.
TEST(Client, ClosureEndsOnceAfterReleased) {
  FakeBroker broker;
  Client client = MustConnect(broker);
  auto captured = std::make_shared<int>(7);
  const std::weak_ptr<int> watch = captured;
  std::atomic<int> released{0};
  std::atomic<bool> was_dead{false};
  Result<Handle> handle = client.Register(
      Sync([captured](const Request&) -> Result<std::string> { return std::to_string(*captured); }),
      {.on_released = [&] {
        was_dead = watch.expired();
        ++released;
      }});
  captured.reset();
  ASSERT_TRUE(handle.ok());
  EXPECT_EQ(*client.Invoke(handle->id(), ""), "7");
  EXPECT_FALSE(watch.expired());
  handle->Reset();
  EXPECT_TRUE(Eventually([&] { return released == 1; }));
  EXPECT_TRUE(was_dead);
  client.Close();
  EXPECT_EQ(released, 1);
}

// A release while a call is in flight: the call finishes, its result arrives, then the closure goes.
TEST(Client, ReleaseInFlightComesAfterTheResult) {
  FakeBroker broker;
  Client host = MustConnect(broker, {.executor = ThreadExecutor(1)});
  Client caller = MustConnect(broker);
  std::promise<void> begun;
  std::promise<void> go;
  std::vector<std::string> story;
  std::mutex mutex;
  std::atomic<bool> is_released{false};
  const auto tell = [&](const std::string& what) {
    std::scoped_lock lock(mutex);
    story.push_back(what);
  };
  Result<Handle> own = host.Register(Sync([&](const Request&) -> Result<std::string> {
                                       begun.set_value();
                                       go.get_future().wait();
                                       tell("ran");
                                       return std::string("done");
                                     }),
                                     {.name = "slow", .on_released = [&] {
                                        tell("released");
                                        is_released = true;
                                      }});
  ASSERT_TRUE(own.ok());
  Result<Handle> found = caller.Resolve("slow");
  std::promise<Result<std::string>> answer;
  caller.InvokeAsync(found->id(), "", {},
                     [&](Result<std::string> result) { answer.set_value(std::move(result)); });
  begun.get_future().wait();
  own->Reset();
  found->Reset();
  EXPECT_TRUE(host.Ping(5000).ok());
  EXPECT_TRUE(caller.Ping(5000).ok());
  EXPECT_FALSE(is_released);
  go.set_value();
  const Result<std::string> result = answer.get_future().get();
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_TRUE(Eventually([&] { return is_released.load(); }));
  EXPECT_EQ(story, (std::vector<std::string>{"ran", "released"}));
}

TEST(Client, ClosureOfARefusedRegistrationEndsToo) {
  FakeBroker broker;
  Client client = MustConnect(broker);
  Result<Handle> first = client.Register(Echo(), {.name = "taken"});
  std::atomic<int> released{0};
  EXPECT_FALSE(client.Register(Echo(), {.name = "taken", .on_released = [&] { ++released; }}).ok());
  EXPECT_EQ(released, 1);
  client.Close();
  EXPECT_EQ(client.Register(Echo(), {.on_released = [&] { ++released; }}).code(), Code::kClosed);
  EXPECT_EQ(released, 2);
}

TEST(Client, HandlersThatThrowFailOrDropAnswerTheirCallers) {
  FakeBroker broker;
  Client client = MustConnect(broker);
  const auto invoke = [&](Handler handler) {
    Result<Handle> handle = client.Register(std::move(handler), {.label = "bad"});
    return client.Invoke(handle->id(), "").status();
  };
  const Status thrown = invoke([](const Request&, Responder) { throw std::runtime_error("ouch"); });
  EXPECT_EQ(thrown.code, Code::kCallbackFailed);
  EXPECT_NE(thrown.message.find("ouch"), std::string::npos) << thrown.message;
  const Status dropped = invoke([](const Request&, Responder) {});
  EXPECT_EQ(dropped.Reason(), "ABANDONED");
  EXPECT_NE(dropped.message.find("bad"), std::string::npos) << dropped.message;
  const Status failed = invoke([](const Request&, Responder responder) {
    responder.Fail(Status(Code::kNotFound, "no such row", "NO_ROW"));
  });
  EXPECT_EQ(failed.Reason(), "NO_ROW");
  // Answered, then thrown: the answer counts.
  Result<Handle> both = client.Register([](const Request&, Responder responder) {
    responder.Reply("first");
    throw std::runtime_error("late");
  });
  EXPECT_EQ(*client.Invoke(both->id(), ""), "first");
}

TEST(Client, AnswersLaterFromAnotherThread) {
  FakeBroker broker;
  Client client = MustConnect(broker);
  std::thread worker;
  Result<Handle> handle = client.Register([&](Request request, Responder responder) {
    worker = std::thread([text = request.payload, responder = std::move(responder)]() mutable {
      responder.Reply(text + "!");
    });
  });
  EXPECT_EQ(*client.Invoke(handle->id(), "later"), "later!");
  worker.join();
}

// W4: the loss of the connection ends everything, once, saying how far it got; and all closures.
TEST(Client, StoreScanFilterAndWatch) {
  FakeBroker broker;
  Client client = MustConnect(broker, {.executor = ThreadExecutor(1)});
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(client.Put("pkg/" + std::to_string(i), std::to_string(i * 100)).ok());
  }
  const Result<Value> value = client.Get("pkg/3");
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(value->data, "300");
  EXPECT_EQ(client.Get("none").code(), Code::kNotFound);
  EXPECT_EQ(client.Delete("none").code(), Code::kNotFound);
  EXPECT_TRUE(client.Delete("pkg/19").ok());

  int threshold = 1500;
  Result<Handle> filter = client.Register(Filter(
      [threshold](const Row& row) { return std::stoi(std::string(row.value)) > threshold; }));
  std::map<std::string, std::string> kept;
  const auto keep = [&](const Row& row) { kept.emplace(row.key, row.value); };
  EXPECT_TRUE(client.Scan({.prefix = "pkg/", .filter_handle = filter->id()}, keep).ok());
  EXPECT_EQ(kept.size(), 3u);
  EXPECT_EQ(kept.count("pkg/18"), 1u);

  std::promise<std::string> changed;
  Result<Handle> watcher = client.Register(OnChange([&](const Row& row) {
    changed.set_value(std::string(row.key) + "=" + std::string(row.value));
  }));
  Result<Handle> watch = client.AttachWatch(watcher->id(), "pkg/");
  ASSERT_TRUE(watch.ok());
  ASSERT_TRUE(client.Put("other", "x").ok());
  ASSERT_TRUE(client.Put("pkg/new", "1").ok());
  EXPECT_EQ(changed.get_future().get(), "pkg/new=1");
}

// W1: operations that wait share a frame.
TEST(Client, PacksWhatIsWaiting) {
  FakeBroker broker;
  Client host = MustConnect(broker);
  Client caller = MustConnect(broker);
  Result<Handle> own = host.Register(Echo(), {.name = "echo"});
  Result<Handle> echo = caller.Resolve("echo");
  constexpr int kCalls = 10000;
  constexpr int kInFlight = 64;
  std::mutex mutex;
  std::condition_variable changed;
  int begun = 0;
  int ended = 0;
  int wrong = 0;
  std::function<void()> next = [&] {
    const std::string text = std::to_string(begun++);
    caller.InvokeAsync(echo->id(), text, {}, [&, text](const Result<std::string>& result) {
      std::scoped_lock lock(mutex);
      if (!result.ok() || *result != text) ++wrong;
      if (++ended == kCalls) changed.notify_all();
      if (begun < kCalls && result.ok()) next();
    });
  };
  std::unique_lock lock(mutex);
  for (int i = 0; i < kInFlight; ++i) next();
  EXPECT_TRUE(changed.wait_for(lock, 60s, [&] { return ended == kCalls; })) << ended;
  EXPECT_EQ(wrong, 0);
  lock.unlock();
  caller.Close();  // before what the completions refer to
  EXPECT_GT(broker.LargestFrame(), 1);
}

}  // namespace
}  // namespace belay::client
