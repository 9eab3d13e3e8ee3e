// The client against a broker that does not resume sessions, goes away and comes back: what it puts back, what it
// tells, and when it gives up.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <string>

#include "belay/client/client.h"
#include "belay/v1/session.pb.h"
#include "clients/cpp/tests/client_fixture.h"
#include "clients/cpp/tests/fake_broker.h"

namespace belay::client {
namespace {

using Kind = SessionEvent::Kind;

// What a client was told of its session.
struct Events {
  std::function<void(const SessionEvent&)> Listener() {
    return [this](const SessionEvent& event) {
      if (event.kind == Kind::kNotPutBack) {
        not_put_back = event.handle;
        why = event.status.code;
      }
      ++counts.at(static_cast<std::size_t>(event.kind));
    };
  }
  bool Wait(Kind kind) {
    return Eventually([&] { return counts.at(static_cast<std::size_t>(kind)) != 0; });
  }
  std::array<std::atomic<int>, 4> counts{};
  std::atomic<std::uint64_t> not_put_back{0};
  std::atomic<Code> why{Code::kOk};
};

TEST(ClientRenewal, W3_WhatCannotBePutBackIsToldAndReleasedAndTheRestKeepsItsHandles) {
  FakeBroker broker;  // never gives a name back
  Events events;
  std::atomic<int> named_released{0};
  std::atomic<int> plain_released{0};
  Client client = MustConnect(broker, {.on_event = events.Listener()});
  Result<Handle> named =
      client.Register(Echo(), {.name = "taken", .on_released = [&] { ++named_released; }});
  Result<Handle> plain = client.Register(Echo(), {.on_released = [&] { ++plain_released; }});
  ASSERT_TRUE(named.ok() && plain.ok());
  const Result<Handle> resolved = client.Resolve("taken");
  ASSERT_TRUE(resolved.ok());
  broker.CutConnections();
  ASSERT_TRUE(events.Wait(Kind::kRenewed));
  EXPECT_EQ(events.counts.at(static_cast<std::size_t>(Kind::kDisconnected)), 1);
  EXPECT_EQ(events.not_put_back, named->id());
  EXPECT_EQ(events.why, Code::kAlreadyExists);
  EXPECT_EQ(named_released, 1);
  EXPECT_EQ(plain_released, 0);
  const Result<std::string> answer = client.Invoke(plain->id(), "still here");
  ASSERT_TRUE(answer.ok()) << answer.status().ToString();
  EXPECT_EQ(*answer, "still here");
  for (const std::uint64_t gone : {named->id(), resolved->id()}) {
    const Status status = client.Invoke(gone, "").status();
    EXPECT_EQ(status.code, Code::kStale);
    EXPECT_EQ(status.certainty, Certainty::kNotSent);
  }
  EXPECT_TRUE(client.Release(plain->Detach()).ok());
  EXPECT_TRUE(Eventually([&] { return plain_released == 1; }));
}

TEST(ClientRenewal, W4_WhatWasUnansweredEndsAsUnknown) {
  FakeBroker broker;
  Events events;
  Client client = MustConnect(broker, {.on_event = events.Listener()});
  broker.SetScript([](const v1::ClientOperation& operation, const FakeBroker::Send&) {
    return operation.has_call();  // swallowed
  });
  std::promise<Status> call;
  client.InvokeAsync(1, "", {}, [&](const Result<std::string>& r) { call.set_value(r.status()); });
  EXPECT_TRUE(client.Ping(5'000).ok());
  broker.CutConnections();
  const Status status = call.get_future().get();
  EXPECT_EQ(status.code, Code::kUnavailable);
  EXPECT_EQ(status.certainty, Certainty::kSentUnknown);
}

TEST(ClientRenewal, W7_WhatWaitsForAConnectionIsBoundedAndNeverSent) {
  auto broker = std::make_unique<FakeBroker>();
  Client client = MustConnect(*broker, {.max_waiting_bytes = 1'000});
  broker->SetScript([](const v1::ClientOperation& operation, const FakeBroker::Send&) {
    return operation.has_call();  // swallowed
  });
  std::promise<void> session_over;
  client.InvokeAsync(1, "", {}, [&](const Result<std::string>&) { session_over.set_value(); });
  EXPECT_TRUE(client.Ping(5'000).ok());
  broker.reset();
  session_over.get_future().wait();
  std::promise<Status> first;
  client.PutAsync("k", std::string(2'000, 'v'), {},
                  [&](const Result<std::uint64_t>& r) { first.set_value(r.status()); });
  const Status second = client.Put("k", "v").status();
  EXPECT_EQ(second.code, Code::kResourceExhausted);
  EXPECT_EQ(second.certainty, Certainty::kNotSent);
  client.Close();
  const Status status = first.get_future().get();
  EXPECT_EQ(status.code, Code::kClosed);
  EXPECT_EQ(status.certainty, Certainty::kNotSent);
}

TEST(ClientRenewal, W3_GivesUpInTheEndAndSaysSo) {
  auto broker = std::make_unique<FakeBroker>();
  std::promise<Status> lost;
  std::atomic<int> released{0};
  Client client = MustConnect(*broker, {.reconnect_timeout_ms = 100,
                                        .on_lost = [&](const Status& s) { lost.set_value(s); }});
  Result<Handle> own = client.Register(Echo(), {.on_released = [&] { ++released; }});
  ASSERT_TRUE(own.ok());
  broker.reset();
  EXPECT_EQ(lost.get_future().get().reason, kConnectionFailed);
  EXPECT_EQ(released, 1);
  EXPECT_EQ(client.Invoke(own->id(), "").status().certainty, Certainty::kNotSent);
}

}  // namespace
}  // namespace belay::client
