#include "broker/storage/row_block.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "broker/base/bytes.h"

namespace belay::storage {
namespace {

using base::Code;

std::string ThreeRows() {
  RowBlockBuilder builder;
  builder.Append(Row{7, RowKind::kPut, "apple", "red"});
  builder.Append(Row{8, RowKind::kDelete, "pear", ""});
  builder.Append(Row{9, RowKind::kPut, "", std::string_view("\0\xff", 2)});
  return builder.Take();
}

// Reads all rows; the status that ended it.
base::Status ReadAll(std::string_view block, std::vector<Row>* rows) {
  auto reader = RowBlockReader::Open(block);
  if (!reader.ok()) return reader.status();
  for (;;) {
    Row row;
    base::Status status = reader->Next(&row);
    if (!status.ok()) return status;
    rows->push_back(row);
  }
}

TEST(RowBlockTest, FormatIsAsDocumented) {
  RowBlockBuilder builder;
  builder.Append(Row{0x0102030405060708, RowKind::kDelete, "k", "vw"});
  EXPECT_EQ(builder.row_count(), 1u);
  EXPECT_EQ(builder.size_bytes(), kRowBlockHeaderBytes + RowBytes(1, 2));
  const std::string expected(
      "\1\0\0\0\1\0\0\0\x08\7\6\5\4\3\2\1\2\0\0\0\1\0\0\0\2\0\0\0\0\0\0\0kvw", 35);
  EXPECT_EQ(builder.Take(), expected);
}

TEST(RowBlockTest, ReadsBackWhatWasAppended) {
  const std::string block = ThreeRows();
  std::vector<Row> rows;
  EXPECT_EQ(ReadAll(block, &rows).code(), Code::kEnd);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].revision, 7u);
  EXPECT_EQ(rows[0].key, "apple");
  EXPECT_EQ(rows[0].value, "red");
  EXPECT_EQ(rows[1].kind, RowKind::kDelete);
  EXPECT_EQ(rows[1].key, "pear");
  EXPECT_EQ(rows[2].key, "");
  EXPECT_EQ(rows[2].value, std::string_view("\0\xff", 2));
}

TEST(RowBlockTest, TakeBeginsANewBlock) {
  RowBlockBuilder builder;
  builder.Append(Row{1, RowKind::kPut, "k", "v"});
  builder.Take();
  EXPECT_EQ(builder.row_count(), 0u);
  EXPECT_EQ(builder.size_bytes(), kRowBlockHeaderBytes);
  std::vector<Row> rows;
  EXPECT_EQ(ReadAll(builder.Take(), &rows).code(), Code::kEnd);
  EXPECT_TRUE(rows.empty());
}

TEST(RowBlockTest, I7_EveryTruncationIsRefused) {
  const std::string whole = ThreeRows();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    // On the heap and of exactly this size, so that AddressSanitizer sees a read past the end.
    const std::unique_ptr<char[]> copy(new char[size]);
    whole.copy(copy.get(), size);
    std::vector<Row> rows;
    const base::Status status = ReadAll(std::string_view(copy.get(), size), &rows);
    EXPECT_EQ(status.code(), Code::kDataLoss) << "cut to " << size;
    EXPECT_NE(status.message().find("offset"), std::string::npos);
  }
}

TEST(RowBlockTest, I7_BytesAfterTheLastRowAreRefused) {
  std::vector<Row> rows;
  EXPECT_EQ(ReadAll(ThreeRows() + "x", &rows).code(), Code::kDataLoss);
}

TEST(RowBlockTest, I7_ErrorsNameTheOffset) {
  struct Case {
    std::size_t offset;
    std::uint32_t value;
    const char* expected;
  };
  const Case cases[] = {{0, 2, "unknown format 2 at offset 0"},
                        {16, 6, "unknown row kind 6 at offset 16"},
                        {20, 0xffffffff, "key longer than the block at offset 20"},
                        {24, 0xfffffff0, "value longer than the block at offset 24"},
                        {28, 2, "unknown flags 2 at offset 28"}};
  for (const Case& c : cases) {
    std::string block = ThreeRows();
    base::StoreLittle(block.data() + c.offset, c.value);
    std::vector<Row> rows;
    const base::Status status = ReadAll(block, &rows);
    EXPECT_EQ(status.code(), Code::kDataLoss);
    EXPECT_EQ(status.reason(), "MALFORMED_ROW_BLOCK");
    EXPECT_NE(status.message().find(c.expected), std::string::npos) << status.message();
  }
}

TEST(RowBlockTest, I7_MutatedBlocksNeverReadOutside) {
  const char* fixed = std::getenv("BELAY_TEST_SEED");
  const auto seed = fixed != nullptr ? std::strtoul(fixed, nullptr, 0) : std::random_device{}();
  SCOPED_TRACE("BELAY_TEST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::string whole = ThreeRows();
  constexpr std::uint32_t kNasty[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 24, 8};
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = whole;
    for (std::uint64_t edits = 1 + random() % 4; edits > 0; --edits) {
      const std::size_t at = random() % bytes.size();
      if (random() % 2 == 0 && at + 4 <= bytes.size()) {
        base::StoreLittle(bytes.data() + at, kNasty[random() % std::size(kNasty)]);
      } else {
        bytes[at] = static_cast<char>(random());
      }
    }
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    const std::unique_ptr<char[]> copy(new char[bytes.size()]);
    bytes.copy(copy.get(), bytes.size());
    const std::string_view block(copy.get(), bytes.size());
    std::vector<Row> rows;
    const base::Status status = ReadAll(block, &rows);
    ASSERT_TRUE(status.code() == Code::kEnd || status.code() == Code::kDataLoss);
    for (const Row& row : rows) {
      ASSERT_GE(row.key.data(), block.data());
      ASSERT_LE(row.value.data() + row.value.size(), block.data() + block.size());
    }
    // What can be read whole can be written back, and is the same.
    if (status.code() == Code::kEnd) {
      RowBlockBuilder builder;
      for (const Row& row : rows) builder.Append(row);
      ASSERT_EQ(builder.Take(), block);
    }
    std::string kept(block);
    if (ApplyFilter(std::string(random() % 3, '\xff'), &kept).ok()) {
      ASSERT_EQ(ReadAll(kept, &rows).code(), Code::kEnd);
    }
  }
}

TEST(RowBlockTest, ABlockInItsPlaceIsTheSameAndLeavesItWhenThereIsNoRoom) {
  const std::vector<Row> rows = {{1, RowKind::kPut, "a", "one"}, {2, RowKind::kDelete, "b", ""}};
  RowBlockBuilder own;
  for (const Row& row : rows) own.Append(row);
  const std::string expected = own.Take();
  for (std::size_t room = 0; room <= expected.size() + 1; ++room) {
    const std::unique_ptr<char[]> place(new char[room]);
    RowBlockBuilder builder(std::span(place.get(), room));
    EXPECT_EQ(builder.size_bytes(), kRowBlockHeaderBytes);
    for (const Row& row : rows) builder.Append(row);
    EXPECT_EQ(builder.row_count(), 2U);
    ASSERT_EQ(builder.size_bytes(), expected.size());
    if (room >= expected.size()) {
      EXPECT_EQ(std::string_view(place.get(), expected.size()), expected);
    }
    EXPECT_EQ(builder.Take(), expected);
    RowBlockBuilder adopting(std::span(place.get(), room));
    adopting.Adopt(expected);
    EXPECT_EQ(adopting.row_count(), 2U);
    EXPECT_EQ(adopting.size_bytes(), expected.size());
    EXPECT_EQ(adopting.Take(), expected);
  }
}

TEST(FilterTest, KeepsTheRowsWhoseBitsAreSet) {
  RowBlockBuilder builder;
  for (int i = 0; i < 11; ++i) builder.Append(Row{1, RowKind::kPut, std::to_string(i), "v"});
  std::string block = builder.Take();
  std::string bitmap(FilterBitmapBytes(11), '\0');
  for (const std::uint32_t keep : {0u, 7u, 8u, 10u}) FilterKeep(&bitmap, keep);
  EXPECT_EQ(bitmap, std::string("\x81\x05", 2));
  ASSERT_TRUE(ApplyFilter(bitmap, &block).ok());
  std::vector<Row> rows;
  EXPECT_EQ(ReadAll(block, &rows).code(), Code::kEnd);
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].key, "0");
  EXPECT_EQ(rows[1].key, "7");
  EXPECT_EQ(rows[2].key, "8");
  EXPECT_EQ(rows[3].key, "10");
}

TEST(FilterTest, AReplyOfTheWrongSizeIsRefusedNamingBothSizes) {
  std::string block = ThreeRows();
  for (const std::string& bitmap : {std::string(), std::string(2, '\xff')}) {
    const base::Status refused = ApplyFilter(bitmap, &block);
    EXPECT_EQ(refused.code(), Code::kInvalidArgument);
    EXPECT_NE(refused.message().find(std::to_string(bitmap.size()) + " bytes, expected 1"),
              std::string::npos);
  }
}

TEST(FilterTest, AnEmptyBlockTakesAnEmptyReply) {
  RowBlockBuilder builder;
  std::string block = builder.Take();
  EXPECT_TRUE(ApplyFilter("", &block).ok());
  EXPECT_EQ(block.size(), kRowBlockHeaderBytes);
}

}  // namespace
}  // namespace belay::storage
