// The operators that every broker has: what they make of a value and an operand, and what they refuse.
#include "broker/engine/merge_operators.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "broker/base/bytes.h"

namespace belay::engine {
namespace {

using base::Code;

std::string Number(std::int64_t number) {
  std::string bytes;
  base::AppendLittle(bytes, number);
  return bytes;
}

base::Result<std::string> Merge(std::string_view name, const std::string* value,
                                std::string_view operand) {
  const MergeOperator merge = FindMergeOperator(name);
  EXPECT_NE(merge, nullptr) << name;
  return merge(value, operand);
}

TEST(MergeOperatorsTest, S3_AKeyThatIsNotThereBecomesTheOperand) {
  EXPECT_EQ(*Merge("append", nullptr, "b"), "b");
  EXPECT_EQ(*Merge("max", nullptr, "b"), "b");
  EXPECT_EQ(*Merge("min", nullptr, "b"), "b");
  EXPECT_EQ(*Merge("add_i64", nullptr, Number(-7)), Number(-7));
}

TEST(MergeOperatorsTest, S3_EachMakesWhatItsNameSays) {
  const std::string value = "b";
  EXPECT_EQ(*Merge("append", &value, "ab"), "bab");
  EXPECT_EQ(*Merge("max", &value, "a"), "b");
  EXPECT_EQ(*Merge("max", &value, "\xff"), "\xff") << "bytes have no sign";
  EXPECT_EQ(*Merge("min", &value, "\xff"), "b");
  EXPECT_EQ(*Merge("min", &value, "a"), "a");
  EXPECT_EQ(*Merge("min", &value, ""), "");
  const std::string number = Number(40);
  EXPECT_EQ(*Merge("add_i64", &number, Number(2)), Number(42));
  EXPECT_EQ(*Merge("add_i64", &number, Number(-41)), Number(-1));
}

TEST(MergeOperatorsTest, S3_ASumIsRightOrRefused) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  const std::string most = Number(kMost);
  const std::string least = Number(-kMost - 1);
  EXPECT_EQ(*Merge("add_i64", &most, Number(0)), most);
  EXPECT_EQ(*Merge("add_i64", &most, least), Number(-1));
  EXPECT_EQ(Merge("add_i64", &most, Number(1)).code(), Code::kOutOfRange);
  EXPECT_EQ(Merge("add_i64", &least, Number(-1)).code(), Code::kOutOfRange);
}

TEST(MergeOperatorsTest, I7_WhatIsNoNumberIsNotAdded) {
  const std::string text = "seven";
  EXPECT_EQ(Merge("add_i64", &text, Number(1)).status().reason(), "NOT_MERGEABLE");
  EXPECT_EQ(Merge("add_i64", nullptr, "1").code(), Code::kInvalidArgument);
  EXPECT_EQ(FindMergeOperator("add"), nullptr);
  EXPECT_EQ(FindMergeOperator(""), nullptr);
}

}  // namespace
}  // namespace belay::engine
