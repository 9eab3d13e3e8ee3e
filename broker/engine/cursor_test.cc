// Cursors: what filters see, what they keep, and how a scan fails.
#include "broker/engine/testing/cursor_fixture.h"

namespace belay::engine {
namespace {

using base::Code;
using base::Status;
using registry::Handle;
using registry::Ref;
using registry::Registry;

TEST_F(CursorTest, S1_AScanWithoutAFilterGivesTheStoresRows) {
  Fill(100);
  CursorOptions options;
  options.scan.start = "k00010";
  options.scan.end = "k00020";
  options.scan.reverse = true;
  options.scan.limit = 3;
  Code end{};
  EXPECT_EQ(Keys(ReadAll(*MustOpen(options), &end)),
            (std::vector<std::string>{"k00019", "k00018", "k00017"}));
  EXPECT_EQ(end, Code::kEnd);
  // In blocks of any size.
  for (const std::size_t max_bytes : {45U, 64U, 100U, 1'000U}) {
    const auto cursor = MustOpen({});
    EXPECT_EQ(ReadAll(*cursor, &end, max_bytes).size(), 100U) << max_bytes;
    EXPECT_EQ(end, Code::kEnd);
    EXPECT_EQ(cursor->Next(max_bytes, nullptr).code(), Code::kEnd);
  }
}

TEST_F(CursorTest, S3_AFilterPicksRows) {
  Fill(2'000);
  const Probe filter = MakeFilter(7);
  CursorOptions options;
  options.filter = filter.handle();
  Code end{};
  const auto rows = ReadAll(*MustOpen(options), &end);
  EXPECT_EQ(end, Code::kEnd);
  ASSERT_EQ(rows.size(), 286U);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].value, std::to_string(i * 7));
    EXPECT_EQ(rows[i].revision, i * 7 + 1);
  }
  EXPECT_EQ(seen_, (std::vector<std::size_t>{512, 512, 512, 464}));
}

TEST_F(CursorTest, S3_TheLimitCountsRowsThatTheFilterKept) {
  Fill(2'000);
  const Probe filter = MakeFilter(100);
  for (const std::uint64_t limit : {1U, 5U, 6U, 7U, 20U, 1'000U}) {
    CursorOptions options;
    options.filter = filter.handle();
    options.scan.limit = limit;
    Code end{};
    EXPECT_EQ(ReadAll(*MustOpen(options), &end).size(), std::min<std::uint64_t>(limit, 20));
    EXPECT_EQ(end, Code::kEnd);
  }
}

TEST_F(CursorTest, S3_AFilterOfAKeysOnlyScanSeesValues) {
  Fill(50);
  const Probe filter = MakeFilter(10);
  CursorOptions options;
  options.filter = filter.handle();
  options.scan.keys_only = true;
  options.scan.reverse = true;
  Code end{};
  const auto rows = ReadAll(*MustOpen(options), &end);
  EXPECT_EQ(Keys(rows),
            (std::vector<std::string>{"k00040", "k00030", "k00020", "k00010", "k00000"}));
  for (const Change& row : rows) EXPECT_EQ(row.value, "");
}

TEST_F(CursorTest, I3_ABufferTooSmallLosesNothing) {
  store_->Put("a", std::string(1'000, '1'));
  store_->Put("b", std::string(10, '2'));
  store_->Put("c", std::string(1'000, '3'));
  const Probe keep_all =
      Probe::Native(broker_->handle(), [](const registry::Request&, std::string* reply) {
        *reply = "\xff";
        return Status();
      });
  for (const Handle filter : {Handle{0}, keep_all.handle()}) {
    CursorOptions options;
    options.filter = filter;
    const auto cursor = MustOpen(options);
    std::size_t needed = 0;
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(cursor->Next(100, &needed).code(), Code::kBufferTooSmall);
      EXPECT_EQ(needed, 8U + 24U + 1U + 1'000U);
    }
    EXPECT_EQ(cursor->Next(needed - 1, &needed).code(), Code::kBufferTooSmall);
    EXPECT_EQ(Keys(Decode(*cursor->Next(needed, &needed))), std::vector<std::string>{"a"});
    EXPECT_EQ(Keys(Decode(*cursor->Next(100, &needed))), std::vector<std::string>{"b"});
    EXPECT_EQ(cursor->Next(0, &needed).code(), Code::kBufferTooSmall);
    EXPECT_EQ(needed, 8U + 24U + 1U + 1'000U);
    EXPECT_EQ(Keys(Decode(*cursor->Next(needed, &needed))), std::vector<std::string>{"c"});
    EXPECT_EQ(cursor->Next(needed, &needed).code(), Code::kEnd);
  }
}

TEST_F(CursorTest, S3_AFilterThatFailsFailsTheScanForGood) {
  Fill(1'000);
  int calls = 0;
  const Probe filter =
      Probe::Native(broker_->handle(), [&](const registry::Request&, std::string* reply) {
        if (++calls == 2) return Status(Code::kCallbackFailed, "no idea", "NO_IDEA");
        reply->assign(64, '\xff');
        return Status();
      });
  CursorOptions options;
  options.filter = filter.handle();
  const auto cursor = MustOpen(options);
  Code end{};
  EXPECT_EQ(ReadAll(*cursor, &end).size(), 512U);
  EXPECT_EQ(end, Code::kCallbackFailed);
  const Status again = cursor->Next(kPlenty, nullptr).status();
  EXPECT_EQ(again.code(), Code::kCallbackFailed);
  EXPECT_NE(again.message().find("no idea"), std::string::npos);
  EXPECT_EQ(again.reason(), "NO_IDEA");
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(Registry::Describe(filter.handle())->failures, 1U);
}

TEST_F(CursorTest, R9_AFilterThatThrowsFailsTheScan) {
  Fill(10);
  const Probe filter = Probe::Native(
      broker_->handle(),
      [](const registry::Request&, std::string*) -> Status { throw std::runtime_error("ouch"); });
  CursorOptions options;
  options.filter = filter.handle();
  const auto failed = MustOpen(options)->Next(kPlenty, nullptr);
  EXPECT_EQ(failed.code(), Code::kCallbackFailed);
  EXPECT_NE(failed.status().message().find("ouch"), std::string::npos);
}

TEST_F(CursorTest, S3_ABitmapOfTheWrongSizeFailsTheScan) {
  Fill(20);  // 3 bytes
  for (const std::size_t size : {0U, 2U, 4U, 100U}) {
    const Probe filter =
        Probe::Native(broker_->handle(), [size](const registry::Request&, std::string* reply) {
          reply->assign(size, '\xff');
          return Status();
        });
    CursorOptions options;
    options.filter = filter.handle();
    const auto failed = MustOpen(options)->Next(kPlenty, nullptr);
    EXPECT_EQ(failed.code(), Code::kCallbackFailed) << size;
    EXPECT_EQ(failed.status().reason(), "BAD_FILTER_REPLY");
    EXPECT_EQ(Registry::Describe(filter.handle())->failures, 1U);
  }
}

TEST_F(CursorTest, S3_AFilterElsewhereAnswersLater) {
  Fill(600);
  Mailbox<std::unique_ptr<registry::AsyncCall>> calls;
  const Probe filter =
      Probe::Hosted(broker_->handle(),
                    [&](std::unique_ptr<registry::AsyncCall> call) { calls.Put(std::move(call)); });
  std::thread host([&] {
    for (int i = 0; i < 2; ++i) {
      auto call = calls.Take();
      ASSERT_TRUE(call.has_value());
      EXPECT_EQ((*call)->request.caller, "me");
      const std::size_t rows = Decode((*call)->request.payload).size();
      (*call)->Finish({{}, {}, std::string((rows + 7) / 8, '\x01')});
    }
  });
  CursorOptions options;
  options.filter = filter.handle();
  options.caller = "me";
  Code end{};
  EXPECT_EQ(ReadAll(*MustOpen(options), &end).size(), 75U);
  EXPECT_EQ(end, Code::kEnd);
  host.join();
}

TEST_F(CursorTest, R9_AFilterHasADeadline) {
  Fill(10);
  Mailbox<std::unique_ptr<registry::AsyncCall>> calls;
  const Probe filter =
      Probe::Hosted(broker_->handle(),
                    [&](std::unique_ptr<registry::AsyncCall> call) { calls.Put(std::move(call)); });
  CursorOptions options;
  options.filter = filter.handle();
  options.hook_timeout_ns = 1'000'000;
  EXPECT_EQ(MustOpen(options)->Next(kPlenty, nullptr).code(), Code::kDeadlineExceeded);
  (*calls.Take())->Finish({});
  options.hook_timeout_ns = -1;
  EXPECT_EQ(Cursor::Open(broker_, options).code(), Code::kInvalidArgument);
}

TEST_F(CursorTest, I4_ACursorInUseIsBusy) {
  Fill(10);
  Ref<Cursor> cursor;
  Code inner{};
  Code other_thread{};
  const Probe filter =
      Probe::Native(broker_->handle(), [&](const registry::Request&, std::string* reply) {
        inner = cursor->Next(kPlenty, nullptr).code();
        std::thread([&] { other_thread = cursor->Next(kPlenty, nullptr).code(); }).join();
        reply->assign(2, '\xff');
        return Status();
      });
  CursorOptions options;
  options.filter = filter.handle();
  cursor = MustOpen(options);
  Code end{};
  EXPECT_EQ(ReadAll(*cursor, &end).size(), 10U);
  EXPECT_EQ(inner, Code::kBusy);
  EXPECT_EQ(other_thread, Code::kBusy);
}

TEST_F(CursorTest, R3_ACursorHoldsItsFilterUntilItEnds) {
  Fill(10);
  const Probe filter = MakeFilter(1);
  CursorOptions options;
  options.filter = filter.handle();
  const auto handle = broker_->registry().Insert(Ref<registry::Object>(MustOpen(options).get()));
  ASSERT_TRUE(handle.ok());
  EXPECT_EQ(Registry::Holders(filter.handle()).front(), "hooks");
  ASSERT_TRUE(Registry::Release(filter.handle()).ok());
  {
    auto found = Registry::Find(*handle, registry::Kind::kCursor);
    ASSERT_TRUE(found.ok());
    Code end{};
    EXPECT_EQ(ReadAll(static_cast<Cursor&>(**found), &end).size(), 10U);
  }
  EXPECT_EQ(filter.releases(), 0);
  ASSERT_TRUE(Registry::Release(*handle).ok());
  EXPECT_TRUE(filter.WaitReleased());
  EXPECT_EQ(filter.releases(), 1);
}

TEST_F(CursorTest, R8_AFilterMayCallAnything) {
  Fill(600);
  const Probe plain = MakeFilter(2);
  const Probe filter =
      Probe::Native(broker_->handle(), [&](const registry::Request& request, std::string* reply) {
        CursorOptions nested;
        nested.filter = plain.handle();
        Code end{};
        EXPECT_EQ(ReadAll(*MustOpen(nested), &end).size(), 300U);
        EXPECT_TRUE(broker_->Bind("b" + std::to_string(seen_.size()), plain.handle()).ok());
        store_->Put("k00001", "3");
        const std::size_t rows = Decode(request.payload).size();
        reply->assign((rows + 7) / 8, '\xff');
        return Status();
      });
  CursorOptions options;
  options.filter = filter.handle();
  Code end{};
  EXPECT_EQ(ReadAll(*MustOpen(options), &end).size(), 600U);
}

TEST_F(CursorTest, I7_WhatCannotFilterIsRefused) {
  CursorOptions options;
  options.filter = broker_->handle();
  EXPECT_EQ(Cursor::Open(broker_, options).code(), Code::kWrongKind);
  options.filter = 77;
  EXPECT_EQ(Cursor::Open(broker_, options).code(), Code::kMalformed);
  const Probe probe = MakeFilter(1);
  options.filter = *Registry::Retain(probe.handle(), 0, registry::kRightRetain);
  EXPECT_EQ(Cursor::Open(broker_, options).code(), Code::kPermissionDenied);
  options.filter = probe.handle();
  ASSERT_TRUE(Registry::Unregister(probe.handle(), Code::kRevoked).ok());
  EXPECT_EQ(Cursor::Open(broker_, options).code(), Code::kRevoked);

  registry::CallbackSpec typed;
  typed.target.typed = [] {};
  typed.target.signature = "void()";
  options.filter = *Registry::Register(broker_->handle(), std::move(typed));
  EXPECT_EQ(Cursor::Open(broker_, options).status().reason(), "TYPED_CALLBACK");

  auto without_store = Broker::Open({});
  ASSERT_TRUE(without_store.ok());
  EXPECT_EQ(Cursor::Open(*without_store, {}).status().reason(), "NO_STORE");
  EXPECT_EQ((*without_store)->OpenStore().status().reason(), "NO_STORE");
  EXPECT_TRUE((*without_store)->Close(10'000'000'000).ok());
}

TEST_F(CursorTest, R12_ACursorOutlivesItsBroker) {
  Fill(10);
  const Probe filter = MakeFilter(1);
  CursorOptions options;
  options.filter = filter.handle();
  const auto filtered = MustOpen(options);
  const auto plain = MustOpen({});
  ASSERT_TRUE(broker_->Close(10'000'000'000).ok());
  broker_ = nullptr;
  EXPECT_EQ(filter.releases(), 1);
  EXPECT_EQ(filtered->Next(kPlenty, nullptr).code(), Code::kStale);
  EXPECT_EQ(Decode(*plain->Next(kPlenty, nullptr)).size(), 10U);
}

}  // namespace
}  // namespace belay::engine
