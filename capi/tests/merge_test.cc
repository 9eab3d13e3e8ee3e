// Merges, by operators that every broker has and by callbacks, alone and in batches (S3, S1, I7).
#include <atomic>
#include <thread>

#include "capi/tests/store_fixture.h"

namespace belay::capi {
namespace {

std::string Number(std::int64_t number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

class MergeTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    ASSERT_EQ(belay_batch_open(store_, &batch_), BELAY_OK) << LastMessage();
  }

  belay_status Merge(std::string_view key, const char* name, std::string_view operand,
                     std::uint64_t* revision = nullptr) const {
    auto async = Sized<belay_write_options>();
    async.flags = BELAY_WRITE_ASYNC;
    return belay_store_merge(store_, key.data(), key.size(), name, operand.data(), operand.size(),
                             &async, revision);
  }
  belay_status AddMerge(std::string_view key, const char* name, std::string_view operand) const {
    return belay_batch_merge(batch_, key.data(), key.size(), name, operand.data(), operand.size(),
                             nullptr);
  }
  // A callback of that public name.
  void Bind(const char* name, std::function<belay_status(belay_call*)> body) {
    const belay_handle callback = Hook(std::move(body));
    ASSERT_EQ(belay_name_bind(broker_, name, callback, nullptr, nullptr), BELAY_OK)
        << LastMessage();
  }

  belay_handle batch_ = 0;
};

TEST_F(MergeTest, S3_NoSumIsLostAmongThreads) {
  constexpr int kThreads = 4;
  constexpr int kEach = 250;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int done = 0; done < kEach;) {
        const belay_status status = Merge("k", "add_i64", Number(3));
        ASSERT_TRUE(status == BELAY_OK || LastReason() == "TOO_MANY_CONFLICTS") << LastMessage();
        if (status == BELAY_OK) ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Get("k"), Number(3 * kThreads * kEach));
  EXPECT_EQ(Revision(), static_cast<std::uint64_t>(kThreads) * kEach);
}

TEST_F(MergeTest, S3_WhatStaysAsItIsMakesNoRevision) {
  std::uint64_t revision = 0;
  ASSERT_EQ(Merge("k", "max", "m", &revision), BELAY_OK) << LastMessage();
  EXPECT_EQ(revision, 1U);
  ASSERT_EQ(Merge("k", "max", "a", &revision), BELAY_OK);
  EXPECT_EQ(revision, 1U);
  ASSERT_EQ(Merge("k", "max", "z", &revision), BELAY_OK);
  EXPECT_EQ(revision, 2U);
  EXPECT_EQ(Get("k"), "z");
}

TEST_F(MergeTest, S3_WhatAnOperatorRefusesIsNotWritten) {
  Put("text", "seven");
  EXPECT_EQ(Merge("text", "add_i64", Number(1)), BELAY_FAILED_PRECONDITION);
  EXPECT_EQ(LastReason(), "NOT_MERGEABLE");
  EXPECT_NE(LastMessage().find("\"text\""), std::string::npos) << LastMessage();
  EXPECT_EQ(Merge("text", "add_i64", "1"), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(Merge("text", "nobody's", "1"), BELAY_NOT_FOUND);
  EXPECT_EQ(LastReason(), "NO_OPERATOR");
  EXPECT_NE(LastMessage().find("add_i64, append, max, min"), std::string::npos);
  EXPECT_EQ(Merge("", "append", "1"), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(Get("text"), "seven");
  EXPECT_EQ(Revision(), 1U);
}

TEST_F(MergeTest, S1_MergesOfABatchAreOneRevisionWithTheRest) {
  Put("log", "a");
  ASSERT_EQ(AddMerge("log", "append", "b"), BELAY_OK) << LastMessage();
  ASSERT_EQ(AddMerge("count", "add_i64", Number(1)), BELAY_OK);
  ASSERT_EQ(belay_batch_put(batch_, "put", 3, "p", 1, nullptr), BELAY_OK);
  std::uint64_t revision = 0;
  ASSERT_EQ(belay_batch_commit(batch_, nullptr, &revision), BELAY_OK) << LastMessage();
  EXPECT_EQ(revision, 2U);
  EXPECT_EQ(Get("log"), "ab");
  EXPECT_EQ(Get("count"), Number(1));
  EXPECT_EQ(Get("put"), "p");

  // One that is refused refuses all, and the batch keeps what it has.
  ASSERT_EQ(AddMerge("log", "append", "c"), BELAY_OK);
  ASSERT_EQ(AddMerge("put", "add_i64", Number(1)), BELAY_OK);
  EXPECT_EQ(belay_batch_commit(batch_, nullptr, nullptr), BELAY_FAILED_PRECONDITION);
  EXPECT_EQ(Get("log"), "ab");
  ASSERT_EQ(belay_batch_clear(batch_), BELAY_OK);
  ASSERT_EQ(AddMerge("log", "append", "c"), BELAY_OK);
  ASSERT_EQ(AddMerge("log", "append", "d"), BELAY_OK);
  EXPECT_EQ(belay_batch_commit(batch_, nullptr, nullptr), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(LastReason(), "DUPLICATE_KEY");
}

TEST_F(MergeTest, S3_ACallbackIsAskedOnceForAllOfABatchThatNamesIt) {
  std::vector<Rows> questions;
  Bind("longer", [&](belay_call* call) {
    questions.push_back(ReadRows(call->request, call->request_size));
    return Block().Add(BELAY_ROW_PUT, "new", "made").Add(BELAY_ROW_DELETE, "gone").ReplyTo(call);
  });
  Put("gone", "x");
  Put("stays", "y");
  ASSERT_EQ(AddMerge("gone", "longer", "1"), BELAY_OK);
  ASSERT_EQ(AddMerge("stays", "longer", "2"), BELAY_OK);
  ASSERT_EQ(AddMerge("new", "longer", "3"), BELAY_OK);
  ASSERT_EQ(AddMerge("log", "append", "4"), BELAY_OK);
  ASSERT_EQ(belay_batch_commit(batch_, nullptr, nullptr), BELAY_OK) << LastMessage();
  EXPECT_EQ(questions,
            (std::vector<Rows>{{"?gone=x", "+gone=1", "?stays=y", "+stays=2", "+new=3"}}));
  EXPECT_EQ(Get("gone"), std::nullopt);
  EXPECT_EQ(Get("stays"), "y");
  EXPECT_EQ(Get("new"), "made");
  EXPECT_EQ(Get("log"), "4");
}

TEST_F(MergeTest, S3_AnOperatorIsAskedAgainIfTheKeyHasChanged) {
  std::vector<Rows> questions;
  Bind("join", [&](belay_call* call) {
    questions.push_back(ReadRows(call->request, call->request_size));
    // Somebody writes the key while the operator thinks about it.
    if (questions.size() == 1) Put("k", "meanwhile");
    return Block().Add(BELAY_ROW_PUT, "k", "of " + questions.back().front()).ReplyTo(call);
  });
  Put("k", "first");
  ASSERT_EQ(Merge("k", "join", "op"), BELAY_OK) << LastMessage();
  EXPECT_EQ(questions, (std::vector<Rows>{{"?k=first", "+k=op"}, {"?k=meanwhile", "+k=op"}}));
  EXPECT_EQ(Get("k"), "of ?k=meanwhile");
}

TEST_F(MergeTest, S3_AKeyThatChangesUnderEachAttemptIsGivenUpOn) {
  int calls = 0;
  Bind("late", [&](belay_call* call) {
    Put("k", std::to_string(++calls));
    return Block().Add(BELAY_ROW_PUT, "k", "merged").ReplyTo(call);
  });
  EXPECT_EQ(Merge("k", "late", "op"), BELAY_ABORTED);
  EXPECT_EQ(LastReason(), "TOO_MANY_CONFLICTS");
  EXPECT_EQ(calls, 32);
  EXPECT_EQ(Get("k"), "32");
}

// A validator looks at the key anew, and must not make an older decision pass for one about what it sees.
TEST_F(MergeTest, S3_AValidatorSeesWhatAMergeMakesAndHidesNoChange) {
  Put("k", "a");
  std::vector<Rows> seen;
  auto options = Sized<belay_validator_options>();
  options.flags = BELAY_VALIDATOR_OLD_VALUES;
  options.callback = Hook([&](belay_call* call) {
    seen.push_back(ReadRows(call->request, call->request_size));
    return BELAY_OK;
  });
  belay_handle subscription = 0;
  ASSERT_EQ(belay_validator_attach(store_, &options, &subscription), BELAY_OK) << LastMessage();
  int calls = 0;
  Bind("join", [&](belay_call* call) {
    const Rows rows = ReadRows(call->request, call->request_size);
    if (++calls == 1) Put("k", "b");
    return Block().Add(BELAY_ROW_PUT, "k", rows[0].substr(3) + "+op").ReplyTo(call);
  });
  ASSERT_EQ(Merge("k", "join", "op"), BELAY_OK) << LastMessage();
  EXPECT_EQ(Get("k"), "b+op");
  EXPECT_EQ(seen, (std::vector<Rows>{{"?k=a", "+k=b"}, {"?k=b", "+k=a+op"}, {"?k=b", "+k=b+op"}}));
}

TEST_F(MergeTest, S3_AReplyThatIsNoneFailsTheMerge) {
  std::function<belay_status(belay_call*)> reply;
  Bind("bad", [&](belay_call* call) { return reply(call); });
  const auto expect = [&](const char* reason) {
    EXPECT_EQ(Merge("k", "bad", "op"), BELAY_CALLBACK_FAILED);
    EXPECT_EQ(LastReason(), reason) << LastMessage();
    EXPECT_NE(LastMessage().find("merge operator \"bad\""), std::string::npos) << LastMessage();
  };
  reply = [](belay_call* call) { return Block().Add(BELAY_ROW_PUT, "j", "1").ReplyTo(call); };
  expect("BAD_MERGE_REPLY");
  reply = [](belay_call* call) {
    return Block().Add(BELAY_ROW_PUT, "k", "1").Add(BELAY_ROW_PUT, "k", "2").ReplyTo(call);
  };
  expect("BAD_MERGE_REPLY");
  reply = [](belay_call* call) { return belay_call_reply(call, "no block", 8); };
  expect("BAD_MERGE_REPLY");
  reply = [](belay_call* call) { return belay_call_fail(call, "cannot"); };
  expect("CALLBACK_FAILED");
  EXPECT_EQ(Revision(), 0U);
  reply = [](belay_call*) { return BELAY_OK; };
  EXPECT_EQ(Merge("k", "bad", "op"), BELAY_OK) << "no reply leaves the key as it is";
  EXPECT_EQ(Get("k"), std::nullopt);
}

TEST_F(MergeTest, S3_AnExpiryStaysUnlessTheMergeSetsAnother) {
  const auto expiry = [&] {
    auto info = Sized<belay_key_info>();
    EXPECT_EQ(belay_store_key_info(store_, "k", 1, &info), BELAY_OK) << LastMessage();
    return info.expires_at_ms;
  };
  auto options = Sized<belay_write_options>();
  options.ttl_ms = 3'600'000;
  ASSERT_EQ(TryPut(store_, "k", "a", &options), BELAY_OK);
  const std::int64_t first = expiry();
  ASSERT_NE(first, 0);
  ASSERT_EQ(Merge("k", "append", "b"), BELAY_OK) << LastMessage();
  EXPECT_EQ(expiry(), first);
  options.ttl_ms = 2 * 3'600'000;
  ASSERT_EQ(belay_store_merge(store_, "k", 1, "append", "c", 1, &options, nullptr), BELAY_OK);
  EXPECT_GT(expiry(), first);
  EXPECT_EQ(Get("k"), "abc");
}

}  // namespace
}  // namespace belay::capi
