// The broker as a whole: opening, finding, closing, and calls that nobody waits for.
#include "broker/engine/broker.h"

#include <gtest/gtest.h>

#include "broker/engine/testing/fake_store.h"
#include "broker/engine/testing/probe.h"

namespace belay::engine {
namespace {

using base::Code;
using base::Status;
using registry::Handle;
using registry::Registry;

constexpr std::int64_t kPatienceNs = 30'000'000'000;

Probe MakeProbe(Handle owner) {
  return Probe::Native(owner, [](const registry::Request&, std::string*) { return Status(); });
}

TEST(BrokerTest, FindAndClose) {
  auto opened = Broker::Open({});
  ASSERT_TRUE(opened.ok());
  const Handle handle = (*opened)->handle();
  EXPECT_EQ(Broker::Find(handle)->get(), opened->get());
  EXPECT_EQ(Broker::Find(0).code(), Code::kMalformed);
  const Handle owner = *(*opened)->registry().OpenOwner("o");
  EXPECT_EQ(Broker::Find(owner).code(), Code::kWrongKind);
  EXPECT_TRUE((*opened)->Close(kPatienceNs).ok());
  EXPECT_EQ((*opened)->Close(kPatienceNs).code(), Code::kClosed);
  EXPECT_EQ(Broker::Find(handle).code(), Code::kStale);
}

TEST(BrokerTest, S5_AStoreThatCannotBeOpenedOpensNoBroker) {
  BrokerOptions options;
  options.store_path = "/proc/nowhere/store";
  auto opened = Broker::Open(options);
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.status().message().find("/proc/nowhere"), std::string::npos);
  EXPECT_EQ(Broker::OpenWith(options, std::make_unique<FakeStore>()).code(),
            Code::kInvalidArgument);
}

TEST(BrokerTest, R1_AHandleToTheStore) {
  auto broker = *Broker::OpenWith({}, std::make_unique<FakeStore>());
  const Handle store = *broker->OpenStore();
  EXPECT_EQ(registry::KindOf(store), registry::Kind::kStore);
  auto found = Registry::Find(store, registry::Kind::kStore);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ((*found)->registry().attachment().get(), broker.get());
  EXPECT_TRUE(Registry::Release(store).ok());
  EXPECT_EQ(Registry::Release(store).code(), Code::kStale);
  EXPECT_TRUE(broker->Close(kPatienceNs).ok());
  EXPECT_EQ(broker->OpenStore().code(), Code::kClosed);
}

TEST(BrokerTest, R10_AnInlineCallbackRunsElsewhereWhenNobodyWaits) {
  auto broker = *Broker::Open({});
  Mailbox<std::thread::id> ran_on;
  const Probe inline_probe =
      Probe::Native(broker->handle(), [&](const registry::Request& request, std::string* reply) {
        ran_on.Put(std::this_thread::get_id());
        *reply = request.payload + "!";
        return Status();
      });
  const Probe hosted =
      Probe::Hosted(broker->handle(), [&](std::unique_ptr<registry::AsyncCall> call) {
        ran_on.Put(std::this_thread::get_id());
        call->Finish({});
      });
  Mailbox<registry::Outcome> outcomes;
  registry::Request request;
  request.payload = "hello";
  broker->InvokeAsync(inline_probe.handle(), request,
                      [&](registry::Outcome outcome) { outcomes.Put(std::move(outcome)); });
  EXPECT_NE(ran_on.Take(), std::this_thread::get_id());
  const auto outcome = outcomes.Take();
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(outcome->status.ok());
  EXPECT_EQ(outcome->reply, "hello!");
  broker->InvokeAsync(hosted.handle(), request,
                      [&](registry::Outcome done) { outcomes.Put(std::move(done)); });
  EXPECT_EQ(ran_on.Take(), std::this_thread::get_id());
  EXPECT_TRUE(outcomes.Take()->status.ok());

  ASSERT_TRUE(Registry::Release(inline_probe.handle()).ok());
  broker->InvokeAsync(inline_probe.handle(), request,
                      [&](registry::Outcome done) { outcomes.Put(std::move(done)); });
  EXPECT_EQ(outcomes.Take()->status.code(), Code::kStale);
  EXPECT_TRUE(broker->Close(kPatienceNs).ok());
}

TEST(BrokerTest, R18_CallsThatWaitForAThreadEndOnceWhenTheBrokerCloses) {
  BrokerOptions options;
  options.callback_threads = 1;
  auto broker = *Broker::Open(options);
  Gate entered;
  Gate leave;
  const Probe plug = Probe::Native(broker->handle(), [&](const registry::Request&, std::string*) {
    entered.Open();
    leave.Wait();
    return Status();
  });
  const Probe probe = MakeProbe(broker->handle());
  Mailbox<Code> ends;
  const auto done = [&](const registry::Outcome& outcome) { ends.Put(outcome.status.code()); };
  broker->InvokeAsync(plug.handle(), {}, done);
  EXPECT_TRUE(entered.Wait());
  for (int i = 0; i < 100; ++i) broker->InvokeAsync(probe.handle(), {}, done);
  EXPECT_EQ(broker->Close(0).code(), Code::kDeadlineExceeded);
  leave.Open();
  broker = nullptr;
  EXPECT_EQ(ends.Take(), Code::kOk);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(ends.Take(), Code::kStale);
  // The close goes on in the background.
  EXPECT_TRUE(Eventually([&] { return plug.releases() == 1 && probe.releases() == 1; }));
}

// The end of a broker joins the pool's threads: the last user may be one of them.
TEST(BrokerTest, R12_TheLastUserMayBeAThreadOfThePool) {
  Gate store_closed;
  BrokerOptions options;
  options.callback_threads = 1;
  auto broker =
      *Broker::OpenWith(options, std::make_unique<FakeStore>([&] { store_closed.Open(); }));
  Gate entered;
  Gate leave;
  const Probe plug = Probe::Native(broker->handle(), [&](const registry::Request&, std::string*) {
    entered.Open();
    leave.Wait();
    return Status();
  });
  const Probe probe = MakeProbe(broker->handle());
  broker->InvokeAsync(plug.handle(), {}, [](const registry::Outcome&) {});
  EXPECT_TRUE(entered.Wait());
  // Its end keeps the broker, and waits until nobody else does.
  broker->InvokeAsync(probe.handle(), {}, [keep = broker](const registry::Outcome&) {
    EXPECT_TRUE(Eventually([&] { return keep.use_count() == 1; }));
  });
  EXPECT_EQ(broker->Close(0).code(), Code::kDeadlineExceeded);
  broker = nullptr;
  leave.Open();
  EXPECT_TRUE(store_closed.Wait());
  EXPECT_TRUE(probe.WaitReleased());
}

}  // namespace
}  // namespace belay::engine
