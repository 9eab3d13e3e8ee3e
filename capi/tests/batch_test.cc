// Writes with conditions, ranges and batches through the C ABI (S1, S2, I4).
#include <thread>

#include "capi/tests/store_fixture.h"

namespace belay::capi {
namespace {

class BatchTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    ASSERT_EQ(belay_batch_open(store_, &batch_), BELAY_OK) << LastMessage();
  }

  belay_status AddPut(std::string_view key, std::string_view value,
                      const belay_write_options* options = nullptr) const {
    return belay_batch_put(batch_, key.data(), key.size(), value.data(), value.size(), options);
  }
  belay_status AddDelete(std::string_view key) const {
    return belay_batch_delete(batch_, key.data(), key.size(), nullptr);
  }
  belay_status AddCheck(std::string_view key, const belay_write_options& options) const {
    return belay_batch_check(batch_, key.data(), key.size(), &options);
  }
  belay_status Commit() const { return belay_batch_commit(batch_, nullptr, nullptr); }

  static belay_write_options Flags(std::uint32_t flags) {
    auto options = Sized<belay_write_options>();
    options.flags = flags;
    return options;
  }
  static belay_write_options IfValue(std::string_view value) {
    belay_write_options options = Flags(BELAY_WRITE_IF_VALUE);
    options.if_value = value.data();
    options.if_value_size = value.size();
    return options;
  }

  belay_handle batch_ = 0;
};

TEST_F(BatchTest, S1_ABatchIsOneRevisionAndLeavesTheBatchEmpty) {
  Put("old", "1");
  const std::uint64_t before = Revision();
  ASSERT_EQ(AddPut("a", "1"), BELAY_OK) << LastMessage();
  ASSERT_EQ(AddPut("b", ""), BELAY_OK);
  ASSERT_EQ(AddDelete("old"), BELAY_OK);
  ASSERT_EQ(AddDelete("never was"), BELAY_OK) << "is fine in a batch";
  EXPECT_EQ(Get("a"), std::nullopt) << "nothing before the commit";
  std::uint64_t revision = 0;
  ASSERT_EQ(belay_batch_commit(batch_, nullptr, &revision), BELAY_OK) << LastMessage();
  EXPECT_EQ(revision, before + 1);
  EXPECT_EQ(Revision(), before + 1);
  EXPECT_EQ(Get("a"), "1");
  EXPECT_EQ(Get("b"), "");
  EXPECT_EQ(Get("old"), std::nullopt);
  EXPECT_EQ(Commit(), BELAY_INVALID_ARGUMENT) << "it is empty";
  EXPECT_EQ(AddPut("a", "2"), BELAY_OK);
  EXPECT_EQ(Commit(), BELAY_OK) << "and takes another";
  EXPECT_EQ(Get("a"), "2");
}

TEST_F(BatchTest, S1_OneConditionThatFailsRefusesAllAndTheBatchKeepsWhatItHas) {
  Put("there", "1");
  const std::uint64_t before = Revision();
  ASSERT_EQ(AddPut("a", "1"), BELAY_OK);
  ASSERT_EQ(AddCheck("there", Flags(BELAY_WRITE_IF_ABSENT)), BELAY_OK);
  EXPECT_EQ(Commit(), BELAY_ABORTED);
  EXPECT_EQ(LastReason(), "KEY_EXISTS");
  EXPECT_NE(LastMessage().find("there"), std::string::npos) << LastMessage();
  EXPECT_EQ(Get("a"), std::nullopt);
  EXPECT_EQ(Revision(), before);
  std::uint64_t deleted_at = 0;
  ASSERT_EQ(belay_store_delete(store_, "there", 5, nullptr, &deleted_at), BELAY_OK);
  EXPECT_EQ(deleted_at, before + 1);
  EXPECT_EQ(Commit(), BELAY_OK) << LastMessage();
  EXPECT_EQ(Get("a"), "1");
}

TEST_F(BatchTest, S1_AConditionOnTheRevisionIsOfTheKeysLastChange) {
  Put("k", "1");
  const std::uint64_t of_key = Revision();
  Put("other", "1");
  belay_write_options options = Flags(BELAY_WRITE_IF_REVISION);
  options.if_revision = Revision();
  ASSERT_EQ(AddPut("k", "2", &options), BELAY_OK);
  EXPECT_EQ(Commit(), BELAY_ABORTED);
  EXPECT_EQ(LastReason(), "REVISION_MISMATCH");
  ASSERT_EQ(belay_batch_clear(batch_), BELAY_OK);
  options.if_revision = of_key;
  ASSERT_EQ(AddPut("k", "2", &options), BELAY_OK);
  EXPECT_EQ(Commit(), BELAY_OK) << LastMessage();
  EXPECT_EQ(Get("k"), "2");
}

TEST_F(BatchTest, S1_AConditionOnTheValueComparesAllOfIt) {
  Put("k", "value");
  for (const std::string_view wrong : {"", "valu", "value1", "Value"}) {
    const belay_write_options options = IfValue(wrong);
    EXPECT_EQ(TryPut(store_, "k", "new", &options), BELAY_ABORTED) << wrong;
    EXPECT_EQ(LastReason(), "VALUE_MISMATCH");
  }
  belay_write_options options = IfValue("value");
  EXPECT_EQ(TryPut(store_, "none", "new", &options), BELAY_ABORTED) << "no key has no value";
  EXPECT_EQ(TryPut(store_, "k", "", &options), BELAY_OK) << LastMessage();
  options = IfValue({});
  EXPECT_EQ(TryPut(store_, "none", "new", &options), BELAY_ABORTED) << "nor an empty one";
  ASSERT_EQ(AddPut("k", "last", &options), BELAY_OK);
  EXPECT_EQ(Commit(), BELAY_OK) << LastMessage();
  EXPECT_EQ(Get("k"), "last");
}

TEST_F(BatchTest, S1_ABatchNamesEachKeyOnce) {
  ASSERT_EQ(AddPut("k", "1"), BELAY_OK);
  ASSERT_EQ(AddDelete("k"), BELAY_OK);
  EXPECT_EQ(Commit(), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(LastReason(), "DUPLICATE_KEY");
  ASSERT_EQ(belay_batch_clear(batch_), BELAY_OK);
  ASSERT_EQ(AddPut("k", "1"), BELAY_OK);
  ASSERT_EQ(belay_batch_delete_range(batch_, "a", 1, "z", 1), BELAY_OK);
  EXPECT_EQ(Commit(), BELAY_INVALID_ARGUMENT) << "also by a range";
  EXPECT_EQ(LastReason(), "DUPLICATE_KEY");
  EXPECT_EQ(Get("k"), std::nullopt);
}

TEST_F(BatchTest, I7_ConditionsExcludeEachOther) {
  for (const std::uint32_t flags : {BELAY_WRITE_IF_ABSENT | BELAY_WRITE_IF_REVISION,
                                    BELAY_WRITE_IF_ABSENT | BELAY_WRITE_IF_VALUE,
                                    BELAY_WRITE_IF_REVISION | BELAY_WRITE_IF_VALUE}) {
    const belay_write_options options = Flags(flags);
    EXPECT_EQ(AddPut("k", "v", &options), BELAY_INVALID_ARGUMENT) << flags;
    EXPECT_EQ(TryPut(store_, "k", "v", &options), BELAY_INVALID_ARGUMENT) << flags;
  }
}

TEST_F(BatchTest, S2_AsyncBelongsToTheCommitAndConditionsToTheOperations) {
  const belay_write_options async = Flags(BELAY_WRITE_ASYNC);
  EXPECT_EQ(AddPut("k", "v", &async), BELAY_INVALID_ARGUMENT);
  EXPECT_NE(LastMessage().find("commit"), std::string::npos) << LastMessage();
  ASSERT_EQ(AddPut("k", "v"), BELAY_OK);
  const belay_write_options absent = Flags(BELAY_WRITE_IF_ABSENT);
  EXPECT_EQ(belay_batch_commit(batch_, &absent, nullptr), BELAY_INVALID_ARGUMENT);
  belay_write_options ttl = Flags(0);
  ttl.ttl_ms = 1000;
  EXPECT_EQ(belay_batch_commit(batch_, &ttl, nullptr), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(Get("k"), std::nullopt);
  EXPECT_EQ(belay_batch_commit(batch_, &async, nullptr), BELAY_OK) << LastMessage();
  EXPECT_EQ(Get("k"), "v") << "visible at once";
  EXPECT_EQ(belay_store_flush(store_), BELAY_OK) << "and now durable";
  Close();
  Open();
  EXPECT_EQ(Get("k"), "v");
}

TEST_F(BatchTest, S1_OnlyAPutTakesATimeToLive) {
  belay_write_options ttl = Flags(0);
  ttl.ttl_ms = 3'600'000;
  EXPECT_EQ(belay_store_delete(store_, "k", 1, &ttl, nullptr), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(AddCheck("k", ttl), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_batch_delete(batch_, "k", 1, &ttl), BELAY_INVALID_ARGUMENT);
  ASSERT_EQ(AddPut("k", "v", &ttl), BELAY_OK) << LastMessage();
  ASSERT_EQ(Commit(), BELAY_OK);
  auto info = Sized<belay_key_info>();
  ASSERT_EQ(belay_store_key_info(store_, "k", 1, &info), BELAY_OK) << LastMessage();
  EXPECT_GT(info.expires_at_ms, 0);
  Put("k", "v");
  ASSERT_EQ(belay_store_key_info(store_, "k", 1, &info), BELAY_OK);
  EXPECT_EQ(info.expires_at_ms, 0) << "a put without one lives for ever";
  ttl.ttl_ms = UINT64_MAX;
  EXPECT_EQ(TryPut(store_, "k", "v", &ttl), BELAY_INVALID_ARGUMENT);
}

TEST_F(BatchTest, S1_ARangeIsDeletedInOneCommit) {
  for (const std::string_view key : {"a", "b", "b1", "c"}) Put(key, "v");
  const std::uint64_t before = Revision();
  std::uint64_t count = 0;
  std::uint64_t revision = 0;
  ASSERT_EQ(belay_store_delete_range(store_, "b", 1, "c", 1, nullptr, &count, &revision), BELAY_OK);
  EXPECT_EQ(count, 2U);
  EXPECT_EQ(revision, before + 1);
  EXPECT_EQ(Get("b"), std::nullopt);
  EXPECT_EQ(Get("c"), "v") << "the end is not of the range";
  ASSERT_EQ(belay_store_delete_range(store_, "b", 1, "c", 1, nullptr, &count, nullptr), BELAY_OK);
  EXPECT_EQ(count, 0U);
  EXPECT_EQ(Revision(), before + 1) << "nothing changed";
  EXPECT_EQ(belay_store_delete_range(store_, "c", 1, "b", 1, nullptr, &count, nullptr),
            BELAY_INVALID_ARGUMENT);
  const belay_write_options absent = Flags(BELAY_WRITE_IF_ABSENT);
  EXPECT_EQ(belay_store_delete_range(store_, nullptr, 0, nullptr, 0, &absent, nullptr, nullptr),
            BELAY_INVALID_ARGUMENT);
  ASSERT_EQ(belay_store_delete_range(store_, nullptr, 0, nullptr, 0, nullptr, &count, nullptr),
            BELAY_OK);
  EXPECT_EQ(count, 2U);
}

// Puts keys 0 to 9,999 of a name in one batch.
void PutTenThousand(belay_handle batch, const std::string& name) {
  for (int i = 0; i < 10'000; ++i) {
    const std::string key = name + std::to_string(i);
    ASSERT_EQ(belay_batch_put(batch, key.data(), key.size(), "", 0, nullptr), BELAY_OK);
  }
}

TEST_F(BatchTest, I7_AFullBatchTakesNoMoreAndKeepsWhatItHas) {
  PutTenThousand(batch_, "k");
  EXPECT_EQ(AddPut("more", ""), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(LastReason(), "LIMIT_EXCEEDED");
  EXPECT_NE(LastMessage().find("10000"), std::string::npos) << LastMessage();
  EXPECT_EQ(Commit(), BELAY_OK) << LastMessage();
  EXPECT_EQ(Get("k9999"), "");
}

TEST_F(BatchTest, S1_ARangeThatIsTooLargeIsNotDeletedInPart) {
  for (int batch = 0; batch < 10; ++batch) {
    PutTenThousand(batch_, "k" + std::to_string(batch) + "/");
    ASSERT_EQ(Commit(), BELAY_OK);
  }
  Put("k", "the one too many");
  EXPECT_EQ(belay_store_delete_range(store_, "k", 1, "l", 1, nullptr, nullptr, nullptr),
            BELAY_RESOURCE_EXHAUSTED);
  std::uint64_t count = 0;
  ASSERT_EQ(belay_store_count(store_, nullptr, 0, nullptr, 0, &count), BELAY_OK);
  EXPECT_EQ(count, 100'001U);
  EXPECT_EQ(belay_store_delete_range(store_, "k0", 2, "l", 1, nullptr, &count, nullptr), BELAY_OK)
      << LastMessage();
  EXPECT_EQ(count, 100'000U);
}

TEST_F(BatchTest, I4_ABatchThatIsBeingCommittedIsBusy) {
  const belay_handle validator = Hook([&](belay_call*) {
    EXPECT_EQ(AddPut("x", ""), BELAY_BUSY) << "on this thread";
    std::thread([&] {
      EXPECT_EQ(AddDelete("x"), BELAY_BUSY) << "and on others";
      EXPECT_EQ(Commit(), BELAY_BUSY);
      EXPECT_EQ(belay_batch_clear(batch_), BELAY_BUSY);
    }).join();
    return BELAY_OK;
  });
  auto options = Sized<belay_validator_options>();
  options.callback = validator;
  belay_handle subscription = 0;
  ASSERT_EQ(belay_validator_attach(store_, &options, &subscription), BELAY_OK) << LastMessage();
  ASSERT_EQ(AddPut("k", "v"), BELAY_OK);
  EXPECT_EQ(Commit(), BELAY_OK) << LastMessage();
  EXPECT_EQ(Get("k"), "v");
  EXPECT_EQ(Get("x"), std::nullopt);
}

TEST_F(BatchTest, R12_ABatchOutlivesTheHandleThatItWasOpenedBy) {
  ASSERT_EQ(belay_release(store_), BELAY_OK);
  ASSERT_EQ(AddPut("k", "v"), BELAY_OK);
  EXPECT_EQ(Commit(), BELAY_OK) << LastMessage();
  EXPECT_EQ(belay_release(batch_), BELAY_OK);
  EXPECT_EQ(AddPut("k", "v"), BELAY_STALE);
  ASSERT_EQ(belay_store_open(broker_, &store_), BELAY_OK);
  EXPECT_EQ(Get("k"), "v");
}

}  // namespace
}  // namespace belay::capi
