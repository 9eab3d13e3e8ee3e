// The client against a fake broker that refuses, is silent, miscounts or goes away: how things end.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <string>

#include "belay/client/client.h"
#include "belay/v1/session.pb.h"
#include "clients/cpp/tests/client_fixture.h"
#include "clients/cpp/tests/fake_broker.h"

namespace belay::client {
namespace {

TEST(ClientEnd, SaysThatThereIsNoBroker) {
  const Result<Client> client = Client::Connect("unix:/tmp/belay-no-such-socket");
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.code(), Code::kUnavailable);
  EXPECT_EQ(client.status().Reason(), kConnectionFailed);
}

TEST(ClientEnd, SaysThatTheBrokerDoesNotAnswer) {
  FakeBroker broker;
  broker.SetScript([](const v1::ClientOperation&, const FakeBroker::Send&) { return true; });
  ClientOptions options;
  options.connect_timeout_ms = 100;
  const Result<Client> client = Client::Connect(broker.target(), options);
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.status().Reason(), kConnectionFailed);
  EXPECT_NE(client.status().message.find("100 ms"), std::string::npos) << client.status().message;
}

TEST(ClientEnd, WaitingOnItsOwnThreadIsRefused) {
  FakeBroker broker;
  Client client = MustConnect(broker);
  std::promise<Status> seen;
  client.ResolveAsync("x", [&](const Result<Handle>&) { seen.set_value(client.Release(1)); });
  EXPECT_EQ(seen.get_future().get().code, Code::kWouldDeadlock);
}

TEST(ClientEnd, BoundsOfTheBrokerAreCheckedBeforeSending) {
  FakeBroker broker;
  broker.SetLimits(16, 1);
  Client client = MustConnect(broker);
  const Status large = client.Invoke(1, std::string(17, 'x')).status();
  EXPECT_EQ(large.code, Code::kInvalidArgument);
  EXPECT_EQ(large.certainty, Certainty::kNotSent);
  broker.SetScript([](const v1::ClientOperation& operation, const FakeBroker::Send&) {
    return operation.has_call();  // swallowed
  });
  std::promise<Status> first;
  client.InvokeAsync(1, "", {}, [&](const Result<std::string>& r) { first.set_value(r.status()); });
  const Status second = client.Invoke(1, "").status();
  EXPECT_EQ(second.code, Code::kResourceExhausted);
  EXPECT_EQ(second.certainty, Certainty::kNotSent);
  client.Close();
  EXPECT_EQ(first.get_future().get().code, Code::kClosed);
}

TEST(ClientEnd, FramesKeepWithinTheBrokersLimit) {
  FakeBroker broker;
  broker.SetMaxFrameBytes(1000);
  Client client = MustConnect(broker);
  std::atomic<int> left{500};
  std::promise<void> all;
  for (int i = 0; i < 500; ++i) {
    client.PutAsync(std::to_string(i), std::string(50, 'v'), {},
                    [&](const Result<std::uint64_t>& result) {
                      EXPECT_TRUE(result.ok());
                      if (--left == 0) all.set_value();
                    });
  }
  all.get_future().wait();
  EXPECT_GT(broker.LargestFrame(), 1);
  EXPECT_LE(broker.LargestFrameBytes(), 1000u);
}

TEST(ClientEnd, GivesUpWhenTheBrokerNeverAnswersACall) {
  FakeBroker broker;
  Client client = MustConnect(broker);
  std::atomic<bool> is_cancelled{false};
  std::optional<std::uint64_t> call_id;
  FakeBroker::Send answer;
  broker.SetScript([&](const v1::ClientOperation& operation, const FakeBroker::Send& send) {
    if (operation.has_call()) call_id = operation.call().call_id();
    if (operation.has_cancel()) {
      is_cancelled = operation.cancel().call_id() == call_id;
      v1::ServerOperation late;
      late.mutable_result()->set_call_id(*call_id);
      send(late);
    }
    return operation.has_call() || operation.has_cancel();
  });
  const Status status = client.Invoke(1, "", {.timeout_ms = 50, .trace_id = {}}).status();
  EXPECT_EQ(status.code, Code::kDeadlineExceeded);
  EXPECT_EQ(status.certainty, Certainty::kSentUnknown);
  EXPECT_TRUE(Eventually([&] { return is_cancelled && client.late_results() == 1; }));
}

TEST(ClientEnd, LossOfTheConnectionEndsEverything) {
  FakeBroker broker;
  std::promise<Status> lost;
  Client client =
      MustConnect(broker, {.session_life = SessionLife::kEndsWithConnection,
                           .on_lost = [&](const Status& status) { lost.set_value(status); }});
  std::atomic<int> released{0};
  Result<Handle> handle = client.Register(Echo(), {.on_released = [&] { ++released; }});
  broker.SetScript([](const v1::ClientOperation& operation, const FakeBroker::Send&) {
    return operation.has_call() || operation.has_store();
  });
  std::promise<Status> call;
  std::promise<Status> put;
  client.InvokeAsync(handle->id(), "", {},
                     [&](const Result<std::string>& r) { call.set_value(r.status()); });
  client.PutAsync("k", "v", {}, [&](const Result<std::uint64_t>& r) { put.set_value(r.status()); });
  EXPECT_TRUE(client.Ping(5000).ok());
  broker.CutConnections();
  const Status call_status = call.get_future().get();
  EXPECT_FALSE(call_status.ok());
  EXPECT_EQ(call_status.certainty, Certainty::kSentUnknown);
  EXPECT_EQ(put.get_future().get().certainty, Certainty::kSentUnknown);
  EXPECT_FALSE(lost.get_future().get().ok());
  EXPECT_EQ(released, 1);
  const Status after = client.Invoke(handle->id(), "").status();
  EXPECT_FALSE(after.ok());
  EXPECT_EQ(after.certainty, Certainty::kNotSent);
  client.Close();
  EXPECT_EQ(released, 1);
}

TEST(ClientEnd, ABrokerThatMiscountsIsLeft) {
  FakeBroker broker;
  std::promise<Status> lost;
  Client client =
      MustConnect(broker, {.on_lost = [&](const Status& status) { lost.set_value(status); }});
  broker.SendOutOfSequence();
  const Status status = lost.get_future().get();
  EXPECT_EQ(status.code, Code::kInternal);
  EXPECT_NE(status.message.find("expected"), std::string::npos) << status.message;
}

TEST(ClientEnd, MayBeClosedOnItsOwnThread) {
  FakeBroker broker;
  auto client = std::make_unique<Client>(MustConnect(broker));
  std::promise<void> gone;
  client->ResolveAsync("x", [&](const Result<Handle>&) {
    client.reset();
    gone.set_value();
  });
  gone.get_future().wait();
  EXPECT_EQ(client, nullptr);
}

}  // namespace
}  // namespace belay::client
