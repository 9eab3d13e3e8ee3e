// Replies of projections: which are taken, and what is left of the rows that were shown.
#include "broker/storage/row_projection.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace belay::storage {
namespace {

using base::Code;

std::string Block(const std::vector<Row>& rows) {
  RowBlockBuilder builder;
  for (const Row& row : rows) builder.Append(row);
  return builder.Take();
}

std::vector<Row> Shown() {
  return {{7, RowKind::kPut, "a", "long"},
          {5, RowKind::kPut, "b", "longer"},
          {9, RowKind::kPut, "c", "longest"}};
}

void ExpectRefused(const std::string& reply, const std::string& because) {
  const auto refused = ApplyProjection(reply, Block(Shown()));
  EXPECT_EQ(refused.code(), Code::kInvalidArgument);
  EXPECT_EQ(refused.status().reason(), "BAD_PROJECTION_REPLY");
  EXPECT_NE(refused.status().message().find(because), std::string::npos)
      << refused.status().message();
}

TEST(RowProjectionTest, S3_ValuesAreTheCallbacksAndRevisionsTheRows) {
  const auto projected = ApplyProjection(
      Block({{0, RowKind::kPut, "a", "l"}, {99, RowKind::kPut, "c", ""}}), Block(Shown()));
  ASSERT_TRUE(projected.ok()) << projected.status().ToString();
  EXPECT_EQ(projected->block, Block({{7, RowKind::kPut, "a", "l"}, {9, RowKind::kPut, "c", ""}}));
  EXPECT_FALSE(projected->stops);
}

TEST(RowProjectionTest, S3_OneMoreByteStops) {
  for (const std::vector<Row>& rows : {std::vector<Row>(), {{0, RowKind::kPut, "b", "l"}}}) {
    const auto projected = ApplyProjection(Block(rows) + '\1', Block(Shown()));
    ASSERT_TRUE(projected.ok()) << projected.status().ToString();
    EXPECT_TRUE(projected->stops);
  }
  ExpectRefused(Block({}) + '\2', "no row block");
  ExpectRefused(Block({}) + "\1\1", "no row block");
}

TEST(RowProjectionTest, S3_KeysAreThoseShownInTheirOrderEachOnce) {
  ExpectRefused(Block({{0, RowKind::kPut, "b", ""}, {0, RowKind::kPut, "a", ""}}), "\"a\"");
  ExpectRefused(Block({{0, RowKind::kPut, "b", ""}, {0, RowKind::kPut, "b", ""}}), "\"b\"");
  ExpectRefused(Block({{0, RowKind::kPut, "bb", ""}}), "\"bb\"");
  ExpectRefused(Block({{0, RowKind::kDelete, "b", ""}}), "no put");
}

// No part of a reply is taken for the whole.
TEST(RowProjectionTest, I7_AReplyThatIsCutShortAnywhereIsRefused) {
  const std::string whole = Block({{0, RowKind::kPut, "a", "l"}, {0, RowKind::kPut, "b", "\1"}});
  for (std::size_t size = 0; size < whole.size(); ++size)
    ExpectRefused(whole.substr(0, size), "no row block");
}

TEST(RowProjectionTest, I7_AReplyBeyondTheBoundIsRefusedUnread) {
  ExpectRefused(std::string(kMaxProjectionBytes + 1, '\0'), "max_projection_bytes");
}

}  // namespace
}  // namespace belay::storage
