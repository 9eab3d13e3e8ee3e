// Watches: what is delivered, in which order, and how often.
#include <gtest/gtest.h>

#include "broker/engine/testing/watch_fixture.h"

namespace belay::engine {
namespace {

using base::Code;
using base::Status;
using registry::Handle;
using registry::Registry;
using storage::RowKind;

class WatchTest : public WatchFixture {};

TEST_F(WatchTest, S3_ChangesUnderThePrefixAndNoOthers) {
  store_->Put("a/before");
  Mailbox<std::vector<Change>> mail;
  const Probe probe = Receiver(mail);
  MustAttach(probe, "a/");
  store_->Put("a/1", "x");
  store_->Put("b/1", "y");
  store_->Put("a", "z");
  storage::WriteBatch batch;
  batch.operations.push_back({storage::OperationKind::kDelete, "a/1", {}});
  batch.operations.push_back({storage::OperationKind::kPut, "b/2", "y"});
  batch.operations.push_back({storage::OperationKind::kPut, "a/2", "w"});
  ASSERT_TRUE(store_->Commit(batch).ok());
  EXPECT_EQ(TakeChanges(mail, 3), (std::vector<Change>{{2, RowKind::kPut, "a/1", "x"},
                                                       {5, RowKind::kDelete, "a/1", ""},
                                                       {5, RowKind::kPut, "a/2", "w"}}));
}

TEST_F(WatchTest, S3_FromARevisionOfThePastOrOfTheFuture) {
  for (int i = 1; i <= 2'000; ++i) store_->Put("a/" + std::to_string(i));
  Mailbox<std::vector<Change>> past;
  Mailbox<std::vector<Change>> future;
  const Probe past_probe = Receiver(past);
  const Probe future_probe = Receiver(future);
  MustAttach(past_probe, "a/", 3);
  MustAttach(future_probe, "a/", 2'004);
  for (int i = 2'001; i <= 2'010; ++i) store_->Put("a/" + std::to_string(i));
  const auto changes = TakeChanges(past, 2'008);
  for (std::size_t i = 0; i < changes.size(); ++i) EXPECT_EQ(changes[i].revision, i + 3);
  const auto late = TakeChanges(future, 7);
  for (std::size_t i = 0; i < late.size(); ++i) EXPECT_EQ(late[i].revision, i + 2'004);
}

TEST_F(WatchTest, S3_AFailedCallIsRepeatedWithTheSameRowsAndNothingOvertakesThem) {
  Mailbox<std::vector<Change>> mail;
  std::atomic<int> failures_left{4};
  Mailbox<int> failed;
  const Probe probe =
      Probe::Native(owner_, [&](const registry::Request& request, std::string*) -> Status {
        // Asked before the test can be over.
        const bool fails = failures_left.load() != 0;
        mail.Put(Decode(request.payload));
        if (!fails) return {};
        failed.Put(failures_left.fetch_sub(1));
        return Status(Code::kCallbackFailed, "not today");
      });
  MustAttach(probe, "a/");
  Mailbox<std::vector<Change>> witness;
  const Probe witness_probe = Receiver(witness);
  MustAttach(witness_probe, "");

  store_->Put("a/1");
  const auto first = TakeChanges(mail, 1);
  EXPECT_EQ(Keys(first), std::vector<std::string>{"a/1"});
  store_->Put("a/2");
  std::size_t witnessed = TakeChanges(witness, 2).size();
  // 100 ms, doubled: one nanosecond earlier nothing comes. That the pause has begun is in the log the
  // first time; later, in the failure that the clock made happen.
  ASSERT_TRUE(Eventually([&] { return log_->size() == 1; }));
  for (std::int64_t pause_ns = 100'000'000; pause_ns <= 400'000'000; pause_ns *= 2) {
    LetPass(pause_ns - 1);
    witnessed = TakeChanges(witness, 1).size();
    EXPECT_EQ(witnessed, 1U);
    EXPECT_EQ(mail.size(), 0U) << pause_ns;
    const std::uint64_t calls = Registry::Describe(probe.handle())->calls;
    LetPass(1);
    EXPECT_EQ(TakeChanges(mail, 1), first);
    (void)TakeChanges(witness, 1);
    // The next pause is counted from the end of this call.
    ASSERT_TRUE(Eventually([&] {
      const auto info = Registry::Describe(probe.handle());
      return info->calls == calls + 1 && info->in_flight == 0;
    }));
  }
  LetPass(800'000'000);
  EXPECT_EQ(TakeChanges(mail, 1), first);
  EXPECT_EQ(Keys(TakeChanges(mail, 1)), std::vector<std::string>{"a/2"});
  EXPECT_EQ(Registry::Describe(probe.handle())->failures, 4U);
  EXPECT_EQ(log_->size(), 1U);  // one line for the whole series
}

TEST_F(WatchTest, S3_ThePauseGrowsToTenSecondsAndNoFurther) {
  Mailbox<std::vector<Change>> mail;
  std::atomic<bool> fails{true};
  const Probe probe =
      Probe::Native(owner_, [&](const registry::Request& request, std::string*) -> Status {
        const bool failing = fails.load();  // before the test can be over
        mail.Put(Decode(request.payload));
        return failing ? Status(Code::kCallbackFailed, "no") : Status();
      });
  MustAttach(probe, "a/");
  store_->Put("a/1");
  (void)TakeChanges(mail, 1);
  for (std::uint64_t calls = 1; calls < 20; ++calls) {
    ASSERT_TRUE(Eventually([&] {
      const auto info = Registry::Describe(probe.handle());
      return info->failures == calls && info->in_flight == 0;
    }));
    LetPass(10'000'000'000);
    (void)TakeChanges(mail, 1);
  }
  fails.store(false);
}

TEST_F(WatchTest, S3_ASlowWatchDelaysNeitherWritersNorOthers) {
  Mailbox<std::unique_ptr<registry::AsyncCall>> calls;
  const Probe slow = Hosted(calls);
  Gate leave;
  Gate entered;
  std::atomic<int> stuck_rows{0};
  const Probe stuck =
      Probe::Native(owner_, [&](const registry::Request& request, std::string*) -> Status {
        entered.Open();
        EXPECT_TRUE(leave.Wait());
        stuck_rows += static_cast<int>(Decode(request.payload).size());
        return {};
      });
  Mailbox<std::vector<Change>> mail;
  const Probe quick = Receiver(mail);
  MustAttach(slow, "a/");
  MustAttach(stuck, "a/");
  MustAttach(quick, "a/");
  store_->Put("a/0");
  EXPECT_TRUE(entered.Wait());
  auto call = calls.Take();
  ASSERT_TRUE(call.has_value());
  for (int i = 1; i < 5'000; ++i) store_->Put("a/" + std::to_string(i));
  EXPECT_EQ(TakeChanges(mail, 5'000).size(), 5'000U);
  EXPECT_EQ(calls.size(), 0U);  // one call at a time

  // And then they catch up, in order, in bounded blocks.
  storage::Revision last = 1;
  (*call)->Finish({});
  while (last < 5'000) {
    call = calls.Take();
    ASSERT_TRUE(call.has_value());
    const auto changes = Decode((*call)->request.payload);
    EXPECT_LE(changes.size(), 512U);
    for (const Change& change : changes) EXPECT_EQ(change.revision, ++last);
    (*call)->Finish({});
  }
  leave.Open();
  EXPECT_TRUE(Eventually([&] { return stuck_rows.load() == 5'000; }));
}

TEST_F(WatchTest, S3_ACommitIsNeverCutInTwo) {
  Mailbox<std::vector<Change>> mail;
  const Probe probe = Receiver(mail);
  storage::WriteBatch batch;
  for (int i = 0; i < 700; ++i) {
    batch.operations.push_back(
        {storage::OperationKind::kPut, "a/" + std::to_string(i), std::string(1'000, 'v')});
  }
  ASSERT_TRUE(store_->Commit(batch).ok());
  MustAttach(probe, "a/", 1);
  EXPECT_EQ(mail.Take()->size(), 700U);
  ASSERT_TRUE(store_->Commit(batch).ok());
  EXPECT_EQ(mail.Take()->size(), 700U);
}

TEST_F(WatchTest, R8_ACallbackMayCallAnything) {
  Mailbox<std::vector<Change>> mail;
  const Probe inner = Receiver(mail);
  std::atomic<int> calls{0};
  Gate done;
  Handle subscription = 0;
  Gate attached;
  const Probe probe = Probe::Native(owner_, [&](const registry::Request&, std::string*) -> Status {
    EXPECT_TRUE(attached.Wait());
    if (calls.fetch_add(1) == 0) {
      MustAttach(inner, "b/");
      store_->Put("b/1");
      store_->Put("a/2");
      EXPECT_TRUE(broker_->Bind("n", inner.handle()).ok());
      EXPECT_EQ(TakeChanges(mail, 1).size(), 1U);
      return {};
    }
    EXPECT_TRUE(Registry::Release(subscription).ok());  // detaches itself
    done.Open();
    return {};
  });
  subscription = MustAttach(probe, "a/");
  attached.Open();
  store_->Put("a/1");
  EXPECT_TRUE(done.Wait());
  EXPECT_TRUE(Eventually([&] { return CallbacksHeldBy("hooks") == 1; }));
}

TEST_F(WatchTest, S4_WatchesWaitForAStoreThatCannotBeRead) {
  Mailbox<std::vector<Change>> mail;
  const Probe probe = Receiver(mail);
  MustAttach(probe, "a/");
  store_->FailHistory(Status(Code::kUnavailable, "EIO", "STORE_READ_ONLY"));
  store_->Put("a/1");
  store_->Put("a/2");
  EXPECT_NE(log_->Take()->find("EIO"), std::string::npos);
  const std::uint64_t reads = store_->history_reads();
  store_->FailHistory({});
  LetPass(99'999'999);
  LetPass(1);
  EXPECT_EQ(Keys(TakeChanges(mail, 2)), (std::vector<std::string>{"a/1", "a/2"}));
  EXPECT_GT(store_->history_reads(), reads);

  // The same for one that catches up by itself.
  store_->FailHistory(Status(Code::kUnavailable, "EIO", "STORE_READ_ONLY"));
  Mailbox<std::vector<Change>> late;
  const Probe late_probe = Receiver(late);
  MustAttach(late_probe, "a/", 1);
  EXPECT_NE(log_->Take()->find("EIO"), std::string::npos);
  store_->FailHistory({});
  LetPass(10'000'000'000);
  EXPECT_EQ(Keys(TakeChanges(late, 2)), (std::vector<std::string>{"a/1", "a/2"}));
}

TEST_F(WatchTest, S3_CompactedHistoryIsRefused) {
  for (int i = 0; i < 10; ++i) store_->Put("a/" + std::to_string(i));
  ASSERT_TRUE(store_->TrimHistory(5).ok());
  Mailbox<std::vector<Change>> mail;
  const Probe probe = Receiver(mail);
  WatchOptions options;
  options.callback = probe.handle();
  options.from_revision = 4;
  const Status refused = broker_->AttachWatch(options).status();
  EXPECT_EQ(refused.code(), Code::kCompacted);
  EXPECT_NE(refused.message().find('5'), std::string::npos);
  EXPECT_EQ(CallbacksHeldBy("hooks"), 0U);
}

TEST_F(WatchTest, I7_WhatCannotWatchIsRefused) {
  Mailbox<std::vector<Change>> mail;
  const Probe probe = Receiver(mail);
  const auto attach = [&](Handle callback, Handle holder = 0, std::string prefix = "a") {
    WatchOptions options;
    options.callback = callback;
    options.holder = holder;
    options.start = std::move(prefix);
    return broker_->AttachWatch(options).code();
  };
  EXPECT_EQ(attach(0), Code::kMalformed);
  EXPECT_EQ(attach(owner_), Code::kWrongKind);
  EXPECT_EQ(attach(probe.handle(), probe.handle()), Code::kWrongKind);
  EXPECT_EQ(attach(probe.handle(), 0, std::string(70'000, 'x')), Code::kInvalidArgument);
  const Handle weak =
      *Registry::Retain(probe.handle(), 0, registry::kRightInvoke | registry::kRightRetain);
  EXPECT_EQ(attach(weak), Code::kPermissionDenied);
  auto other = Broker::OpenWith({}, std::make_unique<FakeStore>());
  ASSERT_TRUE(other.ok());
  const Probe foreign = Probe::Native((*other)->handle(), nullptr);
  EXPECT_EQ(attach(foreign.handle()), Code::kInvalidArgument);
  EXPECT_EQ(attach(probe.handle(), (*other)->handle()), Code::kInvalidArgument);
  EXPECT_TRUE((*other)->Close(kPatienceNs).ok());
  ASSERT_TRUE(Registry::Unregister(probe.handle(), Code::kUnregistered).ok());
  EXPECT_EQ(attach(probe.handle()), Code::kUnregistered);
  // Subscriptions of refused attachments are dropped by the reaper; none keeps a callback.
  EXPECT_TRUE(Eventually([&] { return CallbacksHeldBy("hooks") == 0; }));
}

}  // namespace
}  // namespace belay::engine
