// Updates of a key by a callback, and row blocks put together for replies, through the C ABI (S3, I3, I7).
#include <atomic>
#include <thread>

#include "capi/tests/store_fixture.h"

namespace belay::capi {
namespace {

class UpdateTest : public StoreFixture {
 protected:
  belay_status Update(belay_handle callback, std::uint64_t* revision = nullptr) const {
    auto options = Sized<belay_update_options>();
    options.callback = callback;
    options.flags = BELAY_WRITE_ASYNC;
    return belay_store_update(store_, "k", 1, &options, revision);
  }
  void ExpectBadReply(const std::function<belay_status(belay_call*)>& reply) {
    const std::uint64_t before = Revision();
    EXPECT_EQ(Update(Hook(reply)), BELAY_CALLBACK_FAILED);
    EXPECT_EQ(LastReason(), "BAD_UPDATE_REPLY");
    EXPECT_EQ(Revision(), before);
  }
};

TEST_F(UpdateTest, S3_NoIncrementIsLostAmongThreads) {
  constexpr int kThreads = 4;
  constexpr int kEach = 250;
  const belay_handle increment = Hook([](belay_call* call) {
    int value = 0;
    std::uint64_t position = 0;
    auto row = Sized<belay_row>();
    if (belay_rows_next(call->request, call->request_size, &position, &row) == BELAY_OK)
      value = std::stoi(std::string(static_cast<const char*>(row.value), row.value_size));
    return Block().Add(BELAY_ROW_PUT, "k", std::to_string(value + 1)).ReplyTo(call);
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int done = 0; done < kEach;) {
        const belay_status status = Update(increment);
        ASSERT_TRUE(status == BELAY_OK || LastReason() == "TOO_MANY_CONFLICTS") << LastMessage();
        if (status == BELAY_OK) ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Get("k"), std::to_string(kThreads * kEach));
  EXPECT_EQ(Revision(), static_cast<std::uint64_t>(kThreads) * kEach);
}

TEST_F(UpdateTest, S3_TheCallbackSeesTheRowAndItsReplyPutsDeletesOrDoesNothing) {
  Rows seen;
  std::function<belay_status(belay_call*)> reply;
  const belay_handle callback = Hook([&](belay_call* call) {
    seen = ReadRows(call->request, call->request_size);
    return reply(call);
  });
  std::uint64_t revision = 0;
  reply = [](belay_call*) { return BELAY_OK; };
  ASSERT_EQ(Update(callback, &revision), BELAY_OK) << LastMessage();
  EXPECT_EQ(seen, Rows{});
  EXPECT_EQ(revision, 0U) << "of the store: nothing was written";
  reply = [](belay_call* call) { return Block().Add(BELAY_ROW_PUT, "k", "1").ReplyTo(call); };
  ASSERT_EQ(Update(callback, &revision), BELAY_OK) << LastMessage();
  EXPECT_EQ(revision, 1U);
  EXPECT_EQ(Get("k"), "1");
  reply = [](belay_call* call) { return Block().Add(BELAY_ROW_DELETE, "k").ReplyTo(call); };
  ASSERT_EQ(Update(callback, &revision), BELAY_OK) << LastMessage();
  EXPECT_EQ(seen, Rows{"+k=1"});
  EXPECT_EQ(revision, 2U);
  EXPECT_EQ(Get("k"), std::nullopt);
}

TEST_F(UpdateTest, S3_AReplyThatIsNoUpdateWritesNothing) {
  ExpectBadReply([](belay_call* call) { return belay_call_reply(call, "nonsense", 8); });
  ExpectBadReply([](belay_call* call) { return belay_call_reply(call, "\1\0\0\0\2\0\0\0", 8); });
  ExpectBadReply(
      [](belay_call* call) { return Block().Add(BELAY_ROW_PUT, "another").ReplyTo(call); });
  ExpectBadReply([](belay_call* call) {
    return Block().Add(BELAY_ROW_PUT, "k", "1").Add(BELAY_ROW_PUT, "k", "2").ReplyTo(call);
  });
}

TEST_F(UpdateTest, S3_ACallbackThatFailsWritesNothingAndIsQuoted) {
  const belay_handle callback =
      Hook([](belay_call* call) { return belay_call_fail(call, "cannot count"); });
  EXPECT_EQ(Update(callback), BELAY_CALLBACK_FAILED);
  EXPECT_NE(LastMessage().find("cannot count"), std::string::npos) << LastMessage();
  EXPECT_EQ(Update(0), BELAY_MALFORMED);
  EXPECT_EQ(Update(store_), BELAY_WRONG_KIND);
  EXPECT_EQ(Revision(), 0U);
}

TEST_F(UpdateTest, S3_AKeyThatChangesEachTimeIsGivenUpOn) {
  auto async = Sized<belay_write_options>();
  async.flags = BELAY_WRITE_ASYNC;
  int calls = 0;
  const belay_handle callback = Hook([&](belay_call* call) {
    EXPECT_EQ(TryPut(store_, "k", std::to_string(++calls), &async), BELAY_OK);
    return Block().Add(BELAY_ROW_PUT, "k", "mine").ReplyTo(call);
  });
  EXPECT_EQ(Update(callback), BELAY_ABORTED);
  EXPECT_EQ(LastReason(), "TOO_MANY_CONFLICTS");
  EXPECT_EQ(calls, 32);
  EXPECT_EQ(Get("k"), "32");
}

TEST_F(UpdateTest, S3_AnUpdateIsValidatedLikeAnyWrite) {
  auto options = Sized<belay_validator_options>();
  options.callback = Hook([](belay_call* call) { return belay_call_fail(call, "no"); });
  belay_handle subscription = 0;
  ASSERT_EQ(belay_validator_attach(store_, &options, &subscription), BELAY_OK) << LastMessage();
  const belay_handle put =
      Hook([](belay_call* call) { return Block().Add(BELAY_ROW_PUT, "k", "1").ReplyTo(call); });
  EXPECT_EQ(Update(put), BELAY_FAILED_PRECONDITION);
  EXPECT_EQ(LastReason(), "REJECTED");
  EXPECT_EQ(Get("k"), std::nullopt);
}

TEST_F(UpdateTest, I3_ABlockGrowsRowByRowAndTellsWhatItNeeds) {
  auto row = Sized<belay_row>();
  row.kind = BELAY_ROW_PUT;
  row.key = "key";
  row.key_size = 3;
  row.value = "value";
  row.value_size = 5;
  std::array<char, 8 + 24 + 3 + 5> block{};
  std::uint64_t size = 0;
  EXPECT_EQ(belay_rows_append(block.data(), block.size() - 1, &size, &row), BELAY_BUFFER_TOO_SMALL);
  EXPECT_EQ(size, block.size());
  size = 0;
  EXPECT_EQ(belay_rows_append(nullptr, 0, &size, &row), BELAY_BUFFER_TOO_SMALL) << "asks the size";
  EXPECT_EQ(size, block.size());
  size = 0;
  ASSERT_EQ(belay_rows_append(block.data(), block.size(), &size, nullptr), BELAY_OK);
  EXPECT_EQ(ReadRows(block.data(), size), Rows{}) << "a block of no rows";
  ASSERT_EQ(belay_rows_append(block.data(), block.size(), &size, &row), BELAY_OK);
  EXPECT_EQ(size, block.size());
  EXPECT_EQ(ReadRows(block.data(), size), Rows{"+key=value"});
}

TEST_F(UpdateTest, I7_WhatIsNoRowOrNoBlockIsNotAppended) {
  std::array<char, 64> block{};
  std::uint64_t size = 0;
  auto row = Sized<belay_row>();
  EXPECT_EQ(belay_rows_append(block.data(), block.size(), &size, &row), BELAY_INVALID_ARGUMENT)
      << "kind 0";
  row.kind = BELAY_ROW_OLD + 1;
  EXPECT_EQ(belay_rows_append(block.data(), block.size(), &size, &row), BELAY_INVALID_ARGUMENT);
  row.kind = BELAY_ROW_PUT;
  row.value_size = UINT64_MAX;
  EXPECT_EQ(belay_rows_append(block.data(), block.size(), &size, &row), BELAY_INVALID_ARGUMENT);
  // Longer than any key, or value, may be; not a byte of them is read.
  row.value = "v";
  row.value_size = (std::uint64_t{64} << 20) + 1;
  EXPECT_EQ(belay_rows_append(block.data(), block.size(), &size, &row), BELAY_INVALID_ARGUMENT);
  row.value_size = 0;
  row.key = "k";
  row.key_size = (std::uint64_t{64} << 10) + 1;
  EXPECT_EQ(belay_rows_append(block.data(), block.size(), &size, &row), BELAY_INVALID_ARGUMENT);
  row.key_size = 0;
  row.struct_size = 4;
  EXPECT_EQ(belay_rows_append(block.data(), block.size(), &size, &row), BELAY_INVALID_ARGUMENT);
  row = Sized<belay_row>();
  row.kind = BELAY_ROW_PUT;
  size = block.size() + 1;
  EXPECT_EQ(belay_rows_append(block.data(), block.size(), &size, &row), BELAY_INVALID_ARGUMENT);
  size = 16;
  EXPECT_EQ(belay_rows_append(block.data(), block.size(), &size, &row), BELAY_DATA_LOSS)
      << "16 zero bytes are no block";
  EXPECT_EQ(belay_rows_append(block.data(), block.size(), nullptr, &row), BELAY_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace belay::capi
