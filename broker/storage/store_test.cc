// What store.h offers without an engine.
#include "broker/storage/store.h"

#include <gtest/gtest.h>

#include <string>

namespace belay::storage {
namespace {

using base::Code;

Operation PutOf(std::string key, std::string value) {
  Operation operation;
  operation.key = std::move(key);
  operation.value = std::move(value);
  return operation;
}

TEST(PrefixEndTest, IsTheLeastKeyAboveThePrefix) {
  EXPECT_EQ(PrefixEnd("ab"), "ac");
  EXPECT_EQ(PrefixEnd("a\xff\xff"), "b");
  EXPECT_EQ(PrefixEnd(std::string("a\0", 2)), "a\x01");
  EXPECT_EQ(PrefixEnd("\x7f"), "\x80");
  EXPECT_EQ(PrefixEnd("\xff\xff"), "");
  EXPECT_EQ(PrefixEnd(""), "");
}

TEST(QuoteKeyTest, EscapesAndShortens) {
  EXPECT_EQ(QuoteKey("plain key"), "\"plain key\"");
  EXPECT_EQ(QuoteKey("a\"b\\c\n\xff"), "\"a\\\"b\\\\c\\x0a\\xff\"");
  EXPECT_EQ(QuoteKey(std::string(65, 'x')), "\"" + std::string(64, 'x') + "\"... (65 bytes)");
}

TEST(ValidateTest, S1_BoundsHoldAndAreNamed) {
  EXPECT_TRUE(ValidateKey(std::string(kMaxKeyBytes, 'k')).ok());
  EXPECT_EQ(ValidateKey("").code(), Code::kInvalidArgument);
  base::Status status = ValidateKey(std::string(kMaxKeyBytes + 1, 'k'));
  EXPECT_EQ(status.reason(), "LIMIT_EXCEEDED");
  EXPECT_NE(status.message().find("65537 bytes, the bound max_key_bytes is 65536"),
            std::string::npos)
      << status.message();

  WriteBatch batch;
  EXPECT_EQ(ValidateBatch(batch).code(), Code::kInvalidArgument);  // empty
  batch.operations.push_back(
      PutOf(std::string(kMaxKeyBytes, 'k'), std::string(kMaxValueBytes, 'v')));
  EXPECT_TRUE(ValidateBatch(batch).ok());  // the greatest key with the greatest value
  batch.operations.push_back(PutOf("k", ""));
  EXPECT_NE(ValidateBatch(batch).message().find("max_batch_bytes"), std::string::npos);
  batch.operations.pop_back();
  batch.operations[0].value.push_back('v');
  EXPECT_NE(ValidateBatch(batch).message().find("max_value_bytes"), std::string::npos);

  batch.operations.clear();
  for (std::size_t i = 0; i < kMaxBatchOperations; ++i) {
    batch.operations.push_back(PutOf(std::to_string(i), ""));
  }
  EXPECT_TRUE(ValidateBatch(batch).ok());
  batch.operations.push_back(PutOf("one more", ""));
  EXPECT_NE(ValidateBatch(batch).message().find("max_batch_operations"), std::string::npos);
}

TEST(ValidateTest, I7_NonsenseIsRefused) {
  WriteBatch batch;
  batch.operations = {PutOf("a", "1"), PutOf("b", "2"), PutOf("a", "3")};
  EXPECT_EQ(ValidateBatch(batch).reason(), "DUPLICATE_KEY");
  EXPECT_NE(ValidateBatch(batch).message().find("\"a\""), std::string::npos);
  batch.operations = {PutOf("a", "1")};
  batch.operations[0].kind = OperationKind::kDelete;
  EXPECT_EQ(ValidateBatch(batch).code(), Code::kInvalidArgument);  // a delete with a value
  batch.operations[0].kind = static_cast<OperationKind>(77);
  EXPECT_NE(ValidateBatch(batch).message().find("unknown operation 77"), std::string::npos);
  batch.operations[0].kind = OperationKind::kPut;
  batch.operations[0].precondition = static_cast<Precondition>(78);
  EXPECT_NE(ValidateBatch(batch).message().find("unknown precondition 78"), std::string::npos);
}

}  // namespace
}  // namespace belay::storage
