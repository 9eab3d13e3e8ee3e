// Validators and updates through the C ABI (S3, R8).
#include <mutex>
#include <semaphore>
#include <thread>

#include "capi/tests/store_fixture.h"

namespace belay::capi {
namespace {

Rows Shown(const belay_call* call) { return ReadRows(call->request, call->request_size); }

class HooksTest : public StoreFixture {
 protected:
  belay_handle Validate(belay_handle callback, std::string_view prefix = {},
                        std::uint32_t flags = 0, std::int32_t priority = 0,
                        std::uint64_t timeout_ms = 0) {
    auto options = Sized<belay_validator_options>();
    options.callback = callback;
    options.prefix = prefix.data();
    options.prefix_size = prefix.size();
    options.flags = flags;
    options.priority = priority;
    options.timeout_ms = timeout_ms;
    belay_handle subscription = 0;
    EXPECT_EQ(belay_validator_attach(store_, &options, &subscription), BELAY_OK) << LastMessage();
    return subscription;
  }
};

TEST_F(HooksTest, S3_AValidatorSeesWritesUnderItsPrefixBeforeTheyAreThere) {
  std::vector<Rows> seen;
  const belay_handle callback = Hook([&](belay_call* call) {
    seen.push_back(Shown(call));
    EXPECT_EQ(Get("v/k"), std::nullopt);
    return BELAY_OK;
  });
  const belay_handle subscription = Validate(callback, "v/");
  Put("v/k", "1");
  Put("elsewhere", "1");
  EXPECT_EQ(seen, (std::vector<Rows>{{"+v/k=1"}}));
  EXPECT_EQ(Get("v/k"), "1") << "an empty reply accepts";
  EXPECT_EQ(belay_release(subscription), BELAY_OK);
  Put("v/k", "2");
  EXPECT_EQ(seen.size(), 1U) << "detached";
}

TEST_F(HooksTest, S3_ARefusalIsOfTheWholeBatchAndTheWriterGetsItsText) {
  (void)Validate(Hook([](belay_call* call) { return belay_call_fail(call, "not on Sundays"); }),
                 "v/");
  belay_handle batch = 0;
  ASSERT_EQ(belay_batch_open(store_, &batch), BELAY_OK);
  ASSERT_EQ(belay_batch_put(batch, "free", 4, "", 0, nullptr), BELAY_OK);
  ASSERT_EQ(belay_batch_put(batch, "v/k", 3, "", 0, nullptr), BELAY_OK);
  const std::uint64_t before = Revision();
  EXPECT_EQ(belay_batch_commit(batch, nullptr, nullptr), BELAY_FAILED_PRECONDITION);
  EXPECT_EQ(LastReason(), "REJECTED");
  EXPECT_NE(LastMessage().find("not on Sundays"), std::string::npos) << LastMessage();
  EXPECT_EQ(Get("free"), std::nullopt);
  EXPECT_EQ(Revision(), before);
}

TEST_F(HooksTest, S3_AReplyOfRowsIsCommittedInPlaceOfWhatWasShown) {
  (void)Validate(Hook([](belay_call* call) {
                   return Block()
                       .Add(BELAY_ROW_PUT, "v/a", "amended")
                       .Add(BELAY_ROW_PUT, "v/added", "")
                       .ReplyTo(call);
                 }),
                 "v/");
  Put("v/kept", "before");
  belay_handle batch = 0;
  ASSERT_EQ(belay_batch_open(store_, &batch), BELAY_OK);
  ASSERT_EQ(belay_batch_put(batch, "v/a", 3, "1", 1, nullptr), BELAY_OK);
  ASSERT_EQ(belay_batch_put(batch, "v/dropped", 9, "1", 1, nullptr), BELAY_OK);
  ASSERT_EQ(belay_batch_put(batch, "free", 4, "1", 1, nullptr), BELAY_OK);
  ASSERT_EQ(belay_batch_commit(batch, nullptr, nullptr), BELAY_OK) << LastMessage();
  EXPECT_EQ(Get("v/a"), "amended");
  EXPECT_EQ(Get("v/added"), "");
  EXPECT_EQ(Get("v/dropped"), std::nullopt);
  EXPECT_EQ(Get("v/kept"), std::nullopt) << "the first put was replaced, too";
  EXPECT_EQ(Get("free"), "1");
}

TEST_F(HooksTest, S3_AReplyThatIsNoneRefusesTheWrite) {
  const std::function<belay_status(belay_call*)> replies[] = {
      [](belay_call* call) { return belay_call_reply(call, "nonsense", 8); },
      [](belay_call* call) { return Block().Add(BELAY_ROW_PUT, "w/k").ReplyTo(call); },
      [](belay_call* call) {
        return Block().Add(BELAY_ROW_PUT, "v/k").Add(BELAY_ROW_DELETE, "v/k").ReplyTo(call);
      }};
  for (const auto& reply : replies) {
    const belay_handle subscription = Validate(Hook(reply), "v/");
    const belay_status status = TryPut(store_, "v/k", "1");
    EXPECT_TRUE(status == BELAY_UNAVAILABLE || status == BELAY_INVALID_ARGUMENT) << status;
    EXPECT_EQ(Get("v/k"), std::nullopt);
    EXPECT_EQ(belay_release(subscription), BELAY_OK);
  }
}

TEST_F(HooksTest, S3_OldValuesAreShownToWhoAskedForThem) {
  Put("v/a", "old");
  std::vector<Rows> with;
  std::vector<Rows> without;
  const auto see = [](std::vector<Rows>& seen) {
    return [&seen](belay_call* call) {
      seen.push_back(Shown(call));
      return BELAY_OK;
    };
  };
  (void)Validate(Hook(see(with)), "v/", BELAY_VALIDATOR_OLD_VALUES);
  (void)Validate(Hook(see(without)), "v/");
  Put("v/a", "new");
  Put("v/b", "new");
  ASSERT_EQ(belay_store_delete_range(store_, "v/", 3 - 1, "v0", 2, nullptr, nullptr, nullptr),
            BELAY_OK)
      << LastMessage();
  EXPECT_EQ(with,
            (std::vector<Rows>{
                {"?v/a=old", "+v/a=new"}, {"+v/b=new"}, {"?v/a=new", "-v/a", "?v/b=new", "-v/b"}}));
  EXPECT_EQ(without, (std::vector<Rows>{{"+v/a=new"}, {"+v/b=new"}, {"-v/a", "-v/b"}}));
}

TEST_F(HooksTest, S3_WhatWasDecidedByOldValuesHoldsWhenItIsCommitted) {
  Put("k", "first");
  std::vector<Rows> seen;
  (void)Validate(Hook([&](belay_call* call) {
                   seen.push_back(Shown(call));
                   // Somebody writes the key while the validator thinks about it.
                   if (seen.size() == 1) Put("k", "meanwhile");
                   return BELAY_OK;
                 }),
                 {}, BELAY_VALIDATOR_OLD_VALUES);
  Put("k", "last");
  EXPECT_EQ(seen, (std::vector<Rows>{{"?k=first", "+k=last"},
                                     {"?k=first", "+k=meanwhile"},
                                     {"?k=meanwhile", "+k=last"}}));
  EXPECT_EQ(Get("k"), "last");
}

TEST_F(HooksTest, S3_TheSmallestPriorityIsAskedFirst) {
  std::string order;
  const auto note = [&](char name) {
    return Hook([&order, name](belay_call*) {
      order.push_back(name);
      return BELAY_OK;
    });
  };
  (void)Validate(note('c'), {}, 0, 5);
  (void)Validate(note('a'), {}, 0, -5);
  (void)Validate(note('d'), {}, 0, 5);
  (void)Validate(note('b'));
  Put("k", "v");
  EXPECT_EQ(order, "abcd");
}

TEST_F(HooksTest, S3_AValidatorThatDoesNotAnswerInTimeFailsClosedOrOpenAsItSaid) {
  std::binary_semaphore go_on{0};
  const auto wait = [&](belay_call*) {
    go_on.acquire();
    return BELAY_OK;
  };
  const belay_handle slow = Hook(wait, BELAY_EXECUTOR_POOL);
  belay_handle subscription = Validate(slow, {}, 0, 0, 20);
  EXPECT_EQ(TryPut(store_, "k", "v"), BELAY_UNAVAILABLE);
  EXPECT_EQ(LastReason(), "VALIDATOR_FAILED");
  EXPECT_EQ(Get("k"), std::nullopt);
  go_on.release();
  EXPECT_EQ(belay_release(subscription), BELAY_OK);
  subscription = Validate(slow, {}, BELAY_VALIDATOR_FAIL_OPEN, 0, 20);
  EXPECT_EQ(TryPut(store_, "k", "v"), BELAY_OK) << LastMessage();
  EXPECT_EQ(Get("k"), "v");
  go_on.release();
  EXPECT_EQ(belay_unregister(slow), BELAY_OK);
  EXPECT_EQ(belay_drain(slow, kLongMs), BELAY_OK) << LastMessage();
}

TEST_F(HooksTest, S3_AValidatorThatCannotBeAskedFailsClosedOrOpenAsItSaid) {
  const belay_handle callback = Hook([](belay_call*) { return BELAY_OK; });
  belay_handle subscription = Validate(callback);
  ASSERT_EQ(belay_quarantine(callback), BELAY_OK) << LastMessage();
  EXPECT_EQ(TryPut(store_, "k", "v"), BELAY_UNAVAILABLE);
  EXPECT_EQ(LastReason(), "VALIDATOR_FAILED");
  EXPECT_NE(LastMessage().find("hook"), std::string::npos) << "names the callback";
  ASSERT_EQ(belay_restore(callback), BELAY_OK);
  EXPECT_EQ(TryPut(store_, "k", "v"), BELAY_OK) << LastMessage();
  ASSERT_EQ(belay_release(subscription), BELAY_OK);
  subscription = Validate(callback, {}, BELAY_VALIDATOR_FAIL_OPEN);
  ASSERT_EQ(belay_quarantine(callback), BELAY_OK);
  EXPECT_EQ(TryPut(store_, "k", "w"), BELAY_OK) << LastMessage();
}

TEST_F(HooksTest, S3_AnUnregisteredValidatorRefusesWhileItDrainsAndIsThenGone) {
  belay_handle callback = 0;
  callback = Hook([&](belay_call*) {
    EXPECT_EQ(belay_unregister(callback), BELAY_OK) << LastMessage();
    EXPECT_EQ(TryPut(store_, "during", "v"), BELAY_UNAVAILABLE);
    EXPECT_EQ(LastReason(), "VALIDATOR_FAILED");
    return BELAY_OK;
  });
  (void)Validate(callback);
  Put("k", "v");
  EXPECT_EQ(Get("during"), std::nullopt);
  EXPECT_EQ(belay_drain(callback, kLongMs), BELAY_OK) << LastMessage();
  EXPECT_EQ(TryPut(store_, "after", "v"), BELAY_OK) << LastMessage();
}

TEST_F(HooksTest, R9_AValidatorThatWritesEndsAtTheRecursionLimitAndNothingHangs) {
  auto async = Sized<belay_write_options>();
  async.flags = BELAY_WRITE_ASYNC;
  int calls = 0;
  std::vector<belay_status> failures;
  (void)Validate(Hook([&](belay_call*) {
    ++calls;
    const belay_status status = TryPut(store_, "k", std::to_string(calls), &async);
    if (status != BELAY_OK) failures.push_back(status);
    return BELAY_OK;
  }));
  EXPECT_EQ(TryPut(store_, "k", "outermost", &async), BELAY_OK) << LastMessage();
  EXPECT_GT(calls, 1);
  EXPECT_EQ(failures, std::vector<belay_status>{BELAY_RECURSION_LIMIT}) << "of the innermost only";
  EXPECT_EQ(Get("k"), "outermost");
  EXPECT_EQ(Revision(), static_cast<std::uint64_t>(calls)) << "all but the innermost were written";
}

TEST_F(HooksTest, R16_AHookNeedsTheRightToBind) {
  const belay_handle callback = Hook([](belay_call*) { return BELAY_OK; });
  belay_handle narrow = 0;
  ASSERT_EQ(belay_retain(callback, 0, BELAY_RIGHT_INVOKE | BELAY_RIGHT_RETAIN, &narrow), BELAY_OK);
  auto options = Sized<belay_validator_options>();
  options.callback = narrow;
  belay_handle subscription = 0;
  EXPECT_EQ(belay_validator_attach(store_, &options, &subscription), BELAY_PERMISSION_DENIED);
  EXPECT_EQ(subscription, 0U);
}

TEST_F(HooksTest, R3_TheHookKeepsItsCallbackUntilItIsDetached) {
  Probe probe;
  const belay_callback_options options = probe.Options("validator");
  belay_handle callback = 0;
  ASSERT_EQ(belay_register(broker_, &options, &callback), BELAY_OK);
  const belay_handle subscription = Validate(callback);
  EXPECT_EQ(belay_release(callback), BELAY_OK);
  Put("k", "v");
  EXPECT_EQ(probe.calls, 1);
  EXPECT_EQ(probe.released, 0);
  EXPECT_EQ(belay_release(subscription), BELAY_OK);
  probe.release_ran.acquire();
  EXPECT_EQ(probe.released, 1);
}

}  // namespace
}  // namespace belay::capi
