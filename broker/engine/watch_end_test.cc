// Watches: how they end, and that nothing of them is left then.
#include <gtest/gtest.h>

#include "broker/engine/testing/watch_fixture.h"

namespace belay::engine {
namespace {

using base::Code;
using base::Status;
using registry::Handle;
using registry::Registry;

class WatchEndTest : public WatchFixture {};

// With one thread the pool runs its calls in the order in which they were asked for.
class OneThreadWatchEndTest : public WatchFixture {
 protected:
  OneThreadWatchEndTest() : WatchFixture(1) {}
};

TEST_F(OneThreadWatchEndTest, S3_NoCallBeginsAfterADetach) {
  Gate entered;
  Gate leave;
  const Probe plug = Probe::Native(owner_, [&](const registry::Request&, std::string*) -> Status {
    entered.Open();
    EXPECT_TRUE(leave.Wait());
    return {};
  });
  Gate plug_done;
  broker_->InvokeAsync(plug.handle(), {}, [&](const registry::Outcome&) { plug_done.Open(); });
  EXPECT_TRUE(entered.Wait());

  Mailbox<std::vector<Change>> mail;
  Mailbox<std::vector<Change>> witness;
  const Probe probe = Receiver(mail);
  const Probe witness_probe = Receiver(witness);
  const Handle subscription = MustAttach(probe, "a/");
  MustAttach(witness_probe, "a/");
  // Once the dispatcher reads again, the calls for what it read before wait for the pool's thread.
  for (const char* key : {"a/1", "b"}) {
    const std::uint64_t reads = store_->history_reads();
    store_->Put(key);
    ASSERT_TRUE(Eventually([&] { return store_->history_reads() > reads; }));
  }
  ASSERT_TRUE(Registry::Release(subscription).ok());
  leave.Open();
  EXPECT_EQ(TakeChanges(witness, 1).size(), 1U);
  store_->Put("a/2");
  EXPECT_EQ(TakeChanges(witness, 1).size(), 1U);
  EXPECT_EQ(mail.size(), 0U);
  EXPECT_TRUE(plug_done.Wait());
  EXPECT_TRUE(Eventually([&] { return CallbacksHeldBy("hooks") == 1; }));
  EXPECT_EQ(Registry::Release(subscription).code(), Code::kStale);
}

TEST_F(WatchEndTest, S3_ADetachDuringACallLetsItFinish) {
  Mailbox<std::unique_ptr<registry::AsyncCall>> calls;
  const Probe probe = Hosted(calls);
  const Handle subscription = MustAttach(probe, "a/");
  store_->Put("a/1");
  auto call = calls.Take();
  ASSERT_TRUE(call.has_value());
  store_->Put("a/2");
  ASSERT_TRUE(Registry::Release(subscription).ok());
  ASSERT_TRUE(Registry::Release(probe.handle()).ok());
  ASSERT_TRUE(Eventually([&] { return CallbacksHeldBy("hooks") == 0; }));
  EXPECT_EQ(probe.releases(), 0);  // R5
  (*call)->Finish({});
  EXPECT_TRUE(probe.WaitReleased());
  EXPECT_EQ(probe.releases(), 1);
  EXPECT_EQ(calls.size(), 0U);
}

TEST_F(WatchEndTest, S3_ADetachDuringAPauseForgetsTheRows) {
  Mailbox<std::vector<Change>> mail;
  const Probe probe =
      Probe::Native(owner_, [&](const registry::Request& request, std::string*) -> Status {
        mail.Put(Decode(request.payload));
        return Status(Code::kCallbackFailed, "no");
      });
  const Handle subscription = MustAttach(probe, "a/");
  store_->Put("a/1");
  EXPECT_EQ(TakeChanges(mail, 1).size(), 1U);
  (void)log_->Take();  // the pause has begun
  ASSERT_TRUE(Registry::Release(subscription).ok());
  ASSERT_TRUE(Registry::Release(probe.handle()).ok());
  EXPECT_TRUE(probe.WaitReleased());
  LetPass(10'000'000'000);
  Mailbox<std::vector<Change>> witness;
  const Probe witness_probe = Receiver(witness);
  MustAttach(witness_probe, "a/");
  store_->Put("a/2");
  EXPECT_EQ(TakeChanges(witness, 1).size(), 1U);
  EXPECT_EQ(mail.size(), 0U);
}

TEST_F(WatchEndTest, S3_AWatchEndsWithTheOwnerThatHoldsIt) {
  const Handle holder = *broker_->registry().OpenOwner("session");
  Mailbox<std::vector<Change>> mail;
  Mailbox<std::vector<Change>> witness;
  const Probe probe = Receiver(mail);
  const Probe witness_probe = Receiver(witness);
  const Handle subscription = MustAttach(probe, "a/", 0, holder);
  MustAttach(witness_probe, "a/");
  EXPECT_EQ(Registry::Describe(subscription)->owner_name, "session");
  EXPECT_EQ(Registry::Describe(subscription)->holder_name, "session");
  ASSERT_TRUE(Registry::CloseOwner(holder).ok());
  store_->Put("a/1");
  EXPECT_EQ(TakeChanges(witness, 1).size(), 1U);
  EXPECT_EQ(mail.size(), 0U);
  EXPECT_TRUE(Eventually([&] { return CallbacksHeldBy("hooks") == 1; }));
  WatchOptions options;
  options.callback = probe.handle();
  options.holder = holder;
  EXPECT_EQ(broker_->AttachWatch(options).code(), Code::kStale);
  EXPECT_TRUE(Eventually([&] { return CallbacksHeldBy("hooks") == 1; }));
}

TEST_F(WatchEndTest, R3_AnIdleWatchEndsWhenItsCallbackIsUnregistered) {
  Mailbox<std::vector<Change>> mail;
  const Probe probe = Receiver(mail);
  const Handle subscription = MustAttach(probe, "a/");
  MustAttach(probe, "b/");
  EXPECT_EQ(CallbacksHeldBy("hooks"), 2U);
  ASSERT_TRUE(Registry::Unregister(probe.handle(), Code::kUnregistered).ok());
  ASSERT_TRUE(Registry::Drain(probe.handle(), kPatienceNs).ok());
  EXPECT_EQ(probe.releases(), 1);
  EXPECT_EQ(CallbacksHeldBy("hooks"), 0U);  // without any further commit
  EXPECT_EQ(log_->size(), 2U);
  // The subscription is its holder's to release.
  EXPECT_TRUE(Registry::Release(subscription).ok());
  store_->Put("a/1");
  EXPECT_EQ(mail.size(), 0U);
}

TEST_F(WatchEndTest, R3_AWatchEndsWhenItsHostIsLostInACall) {
  Mailbox<std::unique_ptr<registry::AsyncCall>> calls;
  const Probe probe = Hosted(calls);
  MustAttach(probe, "a/");
  store_->Put("a/1");
  auto call = calls.Take();
  ASSERT_TRUE(call.has_value());
  store_->Put("a/2");
  ASSERT_TRUE(Registry::Unregister(probe.handle(), Code::kHostLost).ok());
  (*call)->Finish({Status(Code::kHostLost, "gone"), registry::Certainty::kSentUnknown, {}});
  EXPECT_TRUE(probe.WaitReleased());
  EXPECT_TRUE(Eventually([&] { return CallbacksHeldBy("hooks") == 0; }));
  EXPECT_EQ(probe.releases(), 1);
  EXPECT_EQ(calls.size(), 0U);
}

TEST_F(WatchEndTest, R18_AnAbandonedCallIsRepeated) {
  Mailbox<std::unique_ptr<registry::AsyncCall>> calls;
  const Probe probe = Hosted(calls);
  MustAttach(probe, "a/");
  store_->Put("a/1");
  (*calls.Take()).reset();
  EXPECT_NE(log_->Take()->find("ABANDONED"), std::string::npos);
  LetPass(100'000'000);
  auto call = calls.Take();
  ASSERT_TRUE(call.has_value());
  EXPECT_EQ(Keys(Decode((*call)->request.payload)), std::vector<std::string>{"a/1"});
  (*call)->Finish({});
}

TEST_F(WatchEndTest, S3_ACallbackThatAnswersStaleHasOnlyFailed) {
  Mailbox<std::vector<Change>> mail;
  std::atomic<int> calls{0};
  const Probe probe =
      Probe::Native(owner_, [&](const registry::Request& request, std::string*) -> Status {
        if (calls.fetch_add(1) == 0) return Status(Code::kStale, "my own affair");
        mail.Put(Decode(request.payload));
        return {};
      });
  MustAttach(probe, "a/");
  store_->Put("a/1");
  (void)log_->Take();
  LetPass(100'000'000);
  EXPECT_EQ(TakeChanges(mail, 1).size(), 1U);
}

TEST_F(WatchEndTest, R12_CloseWithWatchesAndACallInFlight) {
  Mailbox<std::unique_ptr<registry::AsyncCall>> calls;
  Mailbox<std::vector<Change>> mail;
  const Probe hosted = Hosted(calls);
  const Probe native = Receiver(mail);
  MustAttach(hosted, "a/");
  MustAttach(native, "a/");
  store_->Put("a/1");
  auto call = calls.Take();
  ASSERT_TRUE(call.has_value());
  (void)TakeChanges(mail, 1);
  EXPECT_EQ(broker_->Close(0).code(), Code::kDeadlineExceeded);
  EXPECT_EQ(broker_->AttachWatch({}).code(), Code::kClosed);
  WatchOptions options;
  options.callback = native.handle();
  EXPECT_FALSE(broker_->AttachWatch(options).ok());
  EXPECT_TRUE(native.WaitReleased());
  EXPECT_EQ(hosted.releases(), 0);
  const std::weak_ptr<Broker> weak = broker_;
  broker_ = nullptr;
  EXPECT_FALSE(weak.expired());
  (*call)->Finish({});
  EXPECT_TRUE(store_closed_->Wait());
  EXPECT_TRUE(weak.expired());
  EXPECT_EQ(hosted.releases(), 1);
  EXPECT_EQ(native.releases(), 1);
}

TEST_F(WatchEndTest, R12_CloseFromInsideAWatchsCallback) {
  Mailbox<Code> closed;
  const Handle handle = broker_->handle();
  const Probe probe = Probe::Native(owner_, [&](const registry::Request&, std::string*) -> Status {
    auto broker = Broker::Find(handle);
    EXPECT_TRUE(broker.ok());
    closed.Put((*broker)->Close(kPatienceNs).code());
    return {};
  });
  MustAttach(probe, "");
  store_->Put("a");
  EXPECT_EQ(closed.Take(), Code::kWouldDeadlock);
  broker_ = nullptr;
  EXPECT_TRUE(store_closed_->Wait());
  EXPECT_EQ(probe.releases(), 1);
  EXPECT_NE(Broker::Find(handle).code(), Code::kOk);
}

TEST_F(WatchEndTest, R12_CloseOnTheDispatchersThread) {
  const Handle handle = broker_->handle();
  Mailbox<Code> closed;
  const Probe probe = Probe::Hosted(owner_, [&](std::unique_ptr<registry::AsyncCall> call) {
    auto broker = Broker::Find(handle);
    closed.Put((*broker)->Close(0).code());
    call->Finish({});
  });
  MustAttach(probe, "");
  store_->Put("a");
  EXPECT_EQ(closed.Take(), Code::kWouldDeadlock);
  broker_ = nullptr;
  EXPECT_TRUE(store_closed_->Wait());
  EXPECT_EQ(probe.releases(), 1);
}

TEST_F(WatchEndTest, R12_CloseWhileWritersWrite) {
  Mailbox<std::vector<Change>> mail;
  const Probe probe = Receiver(mail);
  MustAttach(probe, "");
  std::atomic<bool> stop{false};
  const auto broker = broker_;  // keeps the store
  std::vector<std::thread> writers;
  for (int i = 0; i < 3; ++i) {
    writers.emplace_back([&] {
      while (!stop.load()) store_->Put("a");
    });
  }
  (void)TakeChanges(mail, 1'000);
  EXPECT_TRUE(broker_->Close(kPatienceNs).ok());
  EXPECT_EQ(probe.releases(), 1);
  stop.store(true);
  for (std::thread& writer : writers) writer.join();
  broker_ = nullptr;
}

}  // namespace
}  // namespace belay::engine
