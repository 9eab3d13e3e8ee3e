// Watches that fall behind, or begin with what there is; old values; ranges.
#include <gtest/gtest.h>

#include <set>

#include "broker/engine/testing/watch_fixture.h"

namespace belay::engine {
namespace {

using base::Code;
using base::Status;
using registry::Handle;
using registry::Registry;
using storage::RowKind;

class WatchStateTest : public WatchFixture {
 protected:
  Handle Attach(const Probe& probe, WatchOptions options) {
    options.callback = probe.handle();
    auto handle = broker_->AttachWatch(options);
    EXPECT_TRUE(handle.ok()) << handle.status().ToString();
    return handle.ok() ? *handle : 0;
  }
};

TEST_F(WatchStateTest, S3_AWatchThatHasMissedChangesIsToldTheState) {
  Mailbox<std::unique_ptr<registry::AsyncCall>> calls;
  const Probe probe = Hosted(calls);
  MustAttach(probe, "a/");
  store_->Put("a/1", "first");
  auto call = calls.Take();
  ASSERT_TRUE(call.has_value());
  // While its call runs, what comes next for it is forgotten.
  Mailbox<std::vector<Change>> mail;
  const Probe witness = Receiver(mail);
  MustAttach(witness, "");
  store_->Put("a/1", "second");
  store_->Put("a/2");
  store_->Put("b");
  (void)TakeChanges(mail, 3);
  ASSERT_TRUE(store_->TrimHistory(100).ok());
  (*call)->Finish({});
  EXPECT_NE(log_->Take()->find("COMPACTED"), std::string::npos);

  std::vector<Change> told;
  while (told.empty() || told.back().kind != RowKind::kSynced) {
    call = calls.Take();
    ASSERT_TRUE(call.has_value());
    const auto some = Decode((*call)->request.payload);
    told.insert(told.end(), some.begin(), some.end());
    (*call)->Finish({});
  }
  EXPECT_EQ(told, (std::vector<Change>{{4, RowKind::kReset, "", ""},
                                       {2, RowKind::kPut, "a/1", "second"},
                                       {3, RowKind::kPut, "a/2", "v"},
                                       {4, RowKind::kSynced, "", ""}}));
  store_->Put("a/3");
  call = calls.Take();
  ASSERT_TRUE(call.has_value());
  EXPECT_EQ(Keys(Decode((*call)->request.payload)), std::vector<std::string>{"a/3"});
  (*call)->Finish({});
}

TEST_F(WatchStateTest, S3_WatchesAtRestWhoseSharedHistoryIsGoneAreToldTheState) {
  Mailbox<std::vector<Change>> mail;
  const Probe probe = Receiver(mail);
  MustAttach(probe, "a/");
  store_->FailHistory(Status(Code::kUnavailable, "EIO"));
  store_->Put("a/1");
  EXPECT_NE(log_->Take()->find("EIO"), std::string::npos);
  ASSERT_TRUE(store_->TrimHistory(100).ok());
  store_->FailHistory({});
  LetPass(10'000'000'000);
  EXPECT_NE(log_->Take()->find("COMPACTED"), std::string::npos);
  const auto told = TakeChanges(mail, 3);
  EXPECT_EQ(told[0].kind, RowKind::kReset);
  EXPECT_EQ(told[1], (Change{1, RowKind::kPut, "a/1", "v"}));
  EXPECT_EQ(told[2].kind, RowKind::kSynced);
}

TEST_F(WatchStateTest, S3_BeyondItsLagLimitAWatchIsToldTheState) {
  Mailbox<std::unique_ptr<registry::AsyncCall>> calls;
  const Probe probe = Hosted(calls);
  WatchOptions options;
  options.lag_limit = 10;
  Attach(probe, options);
  Mailbox<std::vector<Change>> mail;
  const Probe witness = Receiver(mail);
  MustAttach(witness, "");
  // As far behind as it may be; and one revision more.
  for (const int changes : {10, 11}) {
    store_->Put("k", "first");
    auto call = calls.Take();
    ASSERT_TRUE(call.has_value());
    for (int i = 0; i < changes + 1; ++i) store_->Put("k", std::to_string(i));
    (void)TakeChanges(mail, static_cast<std::size_t>(changes) + 2);
    (*call)->Finish({});
    std::vector<Change> told;
    while (told.empty() || told.back().revision != store_->CurrentRevision()) {
      call = calls.Take();
      ASSERT_TRUE(call.has_value());
      const auto some = Decode((*call)->request.payload);
      told.insert(told.end(), some.begin(), some.end());
      (*call)->Finish({});
    }
    if (changes == 10) {
      EXPECT_EQ(told.size(), 11U);
      EXPECT_EQ(told[0].kind, RowKind::kPut);
    } else {
      EXPECT_EQ(told[0].kind, RowKind::kReset);
    }
  }
}

TEST_F(WatchStateTest, S3_TheLagCountsFromTheAttachInAKeyspaceThatNobodyWatched) {
  constexpr storage::KeyspaceId kOther = 7;
  Mailbox<std::vector<Change>> mail;
  const Probe elsewhere = Receiver(mail);
  MustAttach(elsewhere, "");
  for (int i = 0; i < 20; ++i) {
    storage::WriteBatch batch;
    batch.keyspace = kOther;
    batch.operations.push_back({storage::OperationKind::kPut, "k", {}});
    ASSERT_TRUE(store_->Commit(batch).ok());
  }
  Mailbox<std::vector<Change>> told;
  const Probe probe = Receiver(told);
  WatchOptions options;
  options.keyspace = kOther;
  options.from_revision = 1;
  options.lag_limit = 10;
  Attach(probe, options);
  EXPECT_EQ(TakeChanges(told, 3)[0].kind, RowKind::kReset);
}

TEST_F(WatchStateTest, S3_AWatchMayBeginWithTheStateHoweverLarge) {
  constexpr std::size_t kKeys = 3'000;
  for (std::size_t i = 0; i < kKeys; ++i)
    store_->Put("a/" + std::to_string(i), std::string(300, 'v'));
  Mailbox<std::vector<Change>> mail;
  const Probe probe = Receiver(mail);
  WatchOptions options;
  options.begin = WatchBegin::kState;
  Attach(probe, options);
  store_->Put("b");
  std::vector<Change> told;
  while (told.empty() || told.back().key != "b") {
    const auto some = mail.Take();
    ASSERT_TRUE(some.has_value());
    EXPECT_LE(some->size(), 512U + 2U);
    told.insert(told.end(), some->begin(), some->end());
  }
  EXPECT_EQ(told.front().kind, RowKind::kReset);
  std::set<std::string> keys;
  for (const Change& change : told)
    if (change.kind == RowKind::kPut) keys.insert(change.key);
  EXPECT_EQ(keys.size(), kKeys + 1);
}

TEST_F(WatchStateTest, S3_ADetachWhileTheStateIsToldLetsGoOfIt) {
  for (int i = 0; i < 2'000; ++i) store_->Put("a/" + std::to_string(i));
  Mailbox<std::unique_ptr<registry::AsyncCall>> calls;
  const Probe probe = Hosted(calls);
  WatchOptions options;
  options.begin = WatchBegin::kState;
  const Handle subscription = Attach(probe, options);
  auto call = calls.Take();
  ASSERT_TRUE(call.has_value());
  EXPECT_EQ(store_->scans(), 1);
  ASSERT_TRUE(Registry::Release(subscription).ok());
  (*call)->Finish({});
  EXPECT_TRUE(Eventually([&] { return store_->scans() == 0; }));
}

TEST_F(WatchStateTest, S3_OldValuesComeBeforeTheirRowsToWhoAskedForThem) {
  store_->Put("a/1", "unseen");
  Mailbox<std::vector<Change>> with;
  Mailbox<std::vector<Change>> without;
  const Probe with_probe = Receiver(with);
  const Probe without_probe = Receiver(without);
  WatchOptions options;
  options.old_rows = storage::OldRows::kShow;
  const Handle subscription = Attach(with_probe, options);
  MustAttach(without_probe, "");
  store_->Put("a/1", "new");
  store_->Put("a/2", "new");
  EXPECT_EQ(TakeChanges(with, 3), (std::vector<Change>{{1, RowKind::kOld, "a/1", "unseen"},
                                                       {2, RowKind::kPut, "a/1", "new"},
                                                       {3, RowKind::kPut, "a/2", "new"}}));
  EXPECT_EQ(Keys(TakeChanges(without, 2)), (std::vector<std::string>{"a/1", "a/2"}));
  ASSERT_TRUE(Registry::Release(subscription).ok());
  EXPECT_TRUE(Eventually([&] { return !store_->keeps_old_values(); }));
}

TEST_F(WatchStateTest, S3_AWatchThatCatchesUpIsShownOldValuesToo) {
  Mailbox<std::vector<Change>> first;
  const Probe first_probe = Receiver(first);
  WatchOptions options;
  options.old_rows = storage::OldRows::kShow;
  Attach(first_probe, options);
  store_->Put("k", "1");
  store_->Put("k", "2");
  (void)TakeChanges(first, 3);
  for (const bool shows : {false, true}) {
    Mailbox<std::vector<Change>> late;
    const Probe probe = Receiver(late);
    options.from_revision = 1;
    options.old_rows = shows ? storage::OldRows::kShow : storage::OldRows::kLeaveOut;
    const Handle subscription = Attach(probe, options);
    const auto told = TakeChanges(late, shows ? 3 : 2);
    EXPECT_EQ(told[1].kind, shows ? RowKind::kOld : RowKind::kPut);
    ASSERT_TRUE(Registry::Release(subscription).ok());
    ASSERT_TRUE(Registry::Unregister(probe.handle(), Code::kUnregistered).ok());
    EXPECT_TRUE(probe.WaitReleased());
  }
}

TEST_F(WatchStateTest, S3_ARangeNeedBeNoPrefix) {
  Mailbox<std::vector<Change>> mail;
  Mailbox<std::vector<Change>> open;
  const Probe probe = Receiver(mail);
  const Probe open_probe = Receiver(open);
  WatchOptions options;
  options.start = "a/2";
  options.end = "a/5";
  Attach(probe, options);
  options.start = "a/5";
  options.end = "";
  Attach(open_probe, options);
  for (int i = 0; i < 10; ++i) store_->Put("a/" + std::to_string(i));
  store_->Put("b");
  EXPECT_EQ(Keys(TakeChanges(mail, 3)), (std::vector<std::string>{"a/2", "a/3", "a/4"}));
  EXPECT_EQ(Keys(TakeChanges(open, 6)),
            (std::vector<std::string>{"a/5", "a/6", "a/7", "a/8", "a/9", "b"}));
  EXPECT_EQ(mail.size(), 0U);
}

TEST_F(WatchStateTest, I7_ARangeThatHoldsNothingIsRefused) {
  Mailbox<std::vector<Change>> mail;
  const Probe probe = Receiver(mail);
  WatchOptions options;
  options.callback = probe.handle();
  options.start = options.end = "a";
  EXPECT_EQ(broker_->AttachWatch(options).code(), Code::kInvalidArgument);
  options.end = std::string(70'000, 'x');
  EXPECT_EQ(broker_->AttachWatch(options).status().reason(), "LIMIT_EXCEEDED");
}

}  // namespace
}  // namespace belay::engine
