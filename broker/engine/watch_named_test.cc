// Watches with names: where one got to the next one goes on (S3).
#include <gtest/gtest.h>

#include "broker/base/bytes.h"
#include "broker/engine/testing/watch_fixture.h"

namespace belay::engine {
namespace {

using base::Code;
using base::Status;
using registry::Handle;
using registry::Registry;
using storage::RowKind;

class WatchNamedTest : public WatchFixture {
 protected:
  // As watches.h has them.
  static constexpr std::int64_t kSaveEveryNs = 100'000'000;
  static constexpr storage::Revision kQuietRevisions = 1'000;

  base::Result<Handle> TryAttach(const Probe& probe, WatchOptions options = {}) {
    options.callback = probe.handle();
    if (options.name.empty()) options.name = "orders";
    return broker_->AttachWatch(options);
  }
  Handle Attach(const Probe& probe, WatchOptions options = {}) {
    auto handle = TryAttach(probe, std::move(options));
    EXPECT_TRUE(handle.ok()) << handle.status().ToString();
    return handle.ok() ? *handle : 0;
  }
  // What is durable: 0 if there is nothing.
  storage::Revision Cursor() {
    storage::Revision cursor = 0;
    storage::ReadOptions read;
    read.keyspace = storage::kSystemKeyspace;
    (void)store_->Read(read, "watch/1/orders", [&](const storage::RecordView& record) {
      cursor = base::LoadLittle<storage::Revision>(record.value.data());
    });
    return cursor;
  }
};

TEST_F(WatchNamedTest, S3_TheNextWatchOfTheNameGoesOnWhereTheLastGotTo) {
  Mailbox<std::vector<Change>> mail;
  {
    const Probe probe = Receiver(mail);
    const Handle subscription = Attach(probe);
    store_->Put("k", "1");
    (void)TakeChanges(mail, 1);
    // Accepted: the reply has been looked at.
    EXPECT_TRUE(Eventually([&] { return LetPass(kSaveEveryNs), Cursor() >= 3; }));
    ASSERT_TRUE(Registry::Release(subscription).ok());
  }
  store_->Put("k", "2");
  Mailbox<std::vector<Change>> next;
  const Probe probe = Receiver(next);
  WatchOptions options;
  options.from_revision = 1;  // of the first alone
  Attach(probe, options);
  std::vector<Change> told;
  while (told.empty() || told.back().value != "2") {
    const auto some = next.Take();
    ASSERT_TRUE(some.has_value());
    told.insert(told.end(), some->begin(), some->end());
  }
  for (const Change& change : told) EXPECT_NE(change.value, "1");
}

TEST_F(WatchNamedTest, S3_ACursorIsThereBeforeTheFirstChange) {
  Mailbox<std::vector<Change>> mail;
  const Probe probe = Receiver(mail);
  store_->Put("before");
  Attach(probe);
  EXPECT_EQ(Cursor(), 2U);
}

TEST_F(WatchNamedTest, S3_WhatWasNotAcceptedIsNotPassed) {
  Mailbox<std::unique_ptr<registry::AsyncCall>> calls;
  const Probe probe = Hosted(calls);
  const Handle subscription = Attach(probe);
  const storage::Revision first = Cursor();
  store_->Put("k", "1");
  auto call = calls.Take();
  ASSERT_TRUE(call.has_value());
  ASSERT_TRUE(Registry::Release(subscription).ok());
  Mailbox<std::vector<Change>> next;
  const Probe next_probe = Receiver(next);
  Attach(next_probe);
  EXPECT_EQ(Cursor(), first);
  EXPECT_EQ(TakeChanges(next, 1)[0].value, "1");
  (*call)->Finish({});
}

TEST_F(WatchNamedTest, S3_OneWatchANameAtATime) {
  Mailbox<std::vector<Change>> mail;
  const Probe probe = Receiver(mail);
  const Handle subscription = Attach(probe);
  const Status refused = TryAttach(probe).status();
  EXPECT_EQ(refused.code(), Code::kAlreadyExists);
  EXPECT_NE(refused.message().find("orders"), std::string::npos);
  EXPECT_EQ(broker_->ForgetWatch(storage::kDefaultKeyspace, "orders").code(),
            Code::kFailedPrecondition);
  ASSERT_TRUE(Registry::Release(subscription).ok());
  Attach(probe);
}

TEST_F(WatchNamedTest, S3_AForgottenNameBeginsAnew) {
  Mailbox<std::vector<Change>> mail;
  const Probe probe = Receiver(mail);
  ASSERT_TRUE(Registry::Release(Attach(probe)).ok());
  EXPECT_TRUE(broker_->ForgetWatch(storage::kDefaultKeyspace, "orders").ok());
  EXPECT_EQ(Cursor(), 0U);
  EXPECT_EQ(broker_->ForgetWatch(storage::kDefaultKeyspace, "orders").code(), Code::kNotFound);
  store_->Put("k", "1");
  WatchOptions options;
  options.from_revision = store_->CurrentRevision();
  Attach(probe, options);
  EXPECT_EQ(TakeChanges(mail, 1)[0].value, "1");
}

TEST_F(WatchNamedTest, S3_ANameWhoseHistoryIsGoneIsToldTheState) {
  Mailbox<std::vector<Change>> mail;
  const Probe probe = Receiver(mail);
  ASSERT_TRUE(Registry::Release(Attach(probe)).ok());
  store_->Put("k", "1");
  store_->Put("k", "2");
  ASSERT_TRUE(store_->TrimHistory(100).ok());
  Attach(probe);
  const auto told = TakeChanges(mail, 3);
  EXPECT_EQ(told[0].kind, RowKind::kReset);
  EXPECT_EQ(told[1].value, "2");
  EXPECT_EQ(told[2].kind, RowKind::kSynced);
}

TEST_F(WatchNamedTest, S3_ANameWhoseStateWasNotToldToTheEndIsToldItAgain) {
  for (int i = 0; i < 2'000; ++i) store_->Put("a/" + std::to_string(i));
  Mailbox<std::unique_ptr<registry::AsyncCall>> calls;
  const Probe probe = Hosted(calls);
  WatchOptions options;
  options.begin = WatchBegin::kState;
  const Handle subscription = Attach(probe, options);
  for (int i = 0; i < 2; ++i) {
    auto call = calls.Take();
    ASSERT_TRUE(call.has_value());
    (*call)->Finish({});
  }
  auto last = calls.Take();
  ASSERT_TRUE(last.has_value());
  ASSERT_TRUE(Registry::Release(subscription).ok());
  Mailbox<std::vector<Change>> mail;
  const Probe next = Receiver(mail);
  Attach(next);
  EXPECT_EQ(TakeChanges(mail, 1)[0].kind, RowKind::kReset);
  (*last)->Finish({});
}

TEST_F(WatchNamedTest, S3_AQuietWatchIsNotLeftBehindByTheHistory) {
  Mailbox<std::vector<Change>> mail;
  Mailbox<std::vector<Change>> witness;
  const Probe probe = Receiver(mail);
  const Probe witness_probe = Receiver(witness);
  WatchOptions options;
  options.start = "quiet";
  options.end = "quieu";
  Attach(probe, options);
  MustAttach(witness_probe, "busy");
  const auto changes = static_cast<int>(2 * kQuietRevisions);
  for (int i = 0; i < changes; ++i) store_->Put("busy");
  (void)TakeChanges(witness, static_cast<std::size_t>(changes));
  EXPECT_TRUE(Eventually([&] { return LetPass(kSaveEveryNs), Cursor() > kQuietRevisions; }));
  EXPECT_EQ(mail.size(), 0U);
}

TEST_F(WatchNamedTest, S3_ManyAcceptedCallsAreOneWrite) {
  Mailbox<std::vector<Change>> mail;
  const Probe probe = Receiver(mail);
  Attach(probe);
  const storage::Revision before = store_->CurrentRevision();
  for (int i = 0; i < 100; ++i) {
    store_->Put("k");
    (void)TakeChanges(mail, 1);
  }
  EXPECT_EQ(store_->CurrentRevision(), before + 100) << "the clock stands still";
}

TEST_F(WatchNamedTest, I7_BadNamesAreRefused) {
  Mailbox<std::vector<Change>> mail;
  const Probe probe = Receiver(mail);
  WatchOptions options;
  options.name = "a\nb";
  EXPECT_EQ(TryAttach(probe, options).status().reason(), "BAD_NAME");
  options.name = std::string(300, 'x');
  EXPECT_EQ(TryAttach(probe, options).status().reason(), "BAD_NAME");
}

}  // namespace
}  // namespace belay::engine
