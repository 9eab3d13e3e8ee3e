// Row blocks that are well formed, cut anywhere, or lie about their sizes.
#include "belay/rows.hpp"

#include <gtest/gtest.h>

#include <string>

namespace belay {
namespace {

void Append32(std::string& out, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) out += static_cast<char>((value >> (8 * i)) & 0xff);
}

void AppendRow(std::string& out, std::uint64_t revision, const std::string& key,
               const std::string& value) {
  Append32(out, static_cast<std::uint32_t>(revision));
  Append32(out, static_cast<std::uint32_t>(revision >> 32));
  Append32(out, 1);
  Append32(out, static_cast<std::uint32_t>(key.size()));
  Append32(out, static_cast<std::uint32_t>(value.size()));
  Append32(out, 0);
  out += key + value;
}

std::string TwoRows() {
  std::string block;
  Append32(block, 1);
  Append32(block, 2);
  AppendRow(block, 5, "a", "1");
  AppendRow(block, std::uint64_t{1} << 40, "bb", "");
  return block;
}

TEST(RowReader, ReadsRows) {
  const std::string block = TwoRows();
  RowReader rows(block);
  Row row;
  ASSERT_TRUE(rows.Next(row));
  EXPECT_EQ(row.key, "a");
  EXPECT_EQ(row.value, "1");
  EXPECT_EQ(row.revision, 5u);
  ASSERT_TRUE(rows.Next(row));
  EXPECT_EQ(row.key, "bb");
  EXPECT_EQ(row.revision, std::uint64_t{1} << 40);
  EXPECT_FALSE(rows.Next(row));
  EXPECT_TRUE(rows.ok());
}

TEST(RowReader, EveryTruncationIsSeen) {
  const std::string block = TwoRows();
  for (std::size_t size = 0; size < block.size(); ++size) {
    RowReader rows(std::string_view(block).substr(0, size));
    Row row;
    while (rows.Next(row)) {
    }
    EXPECT_FALSE(rows.ok()) << size;
  }
}

TEST(RowReader, HugeSizesAreRefused) {
  std::string block = TwoRows();
  for (std::size_t at : {4u, 20u, 24u}) {  // row_count, key_size, value_size
    std::string bad = block;
    for (std::size_t i = 0; i < 4; ++i) bad[at + i] = '\xff';
    RowReader rows(bad);
    Row row;
    while (rows.Next(row)) {
    }
    EXPECT_FALSE(rows.ok()) << at;
  }
}

TEST(RowWriter, WritesWhatAReaderReads) {
  RowWriter writer;
  writer.Append({RowKind::kPut, 5, "a", "1"});
  writer.Append({RowKind::kPut, std::uint64_t{1} << 40, "bb", ""});
  EXPECT_EQ(writer.Take(), TwoRows());
  EXPECT_EQ(writer.Take(), std::string("\1\0\0\0\0\0\0\0", 8)) << "taken, and empty again";
  for (int i = 0; i < 300; ++i) writer.Append({RowKind::kDelete, 0, "k", ""});
  const std::string many = writer.Take();
  RowReader rows(many);
  EXPECT_EQ(rows.row_count(), 300u);
  Row row;
  while (rows.Next(row)) EXPECT_EQ(row.kind, RowKind::kDelete);
  EXPECT_TRUE(rows.ok());
}

TEST(FilterRows, SetsOneBitPerRow) {
  std::string block;
  Append32(block, 1);
  Append32(block, 9);
  for (int i = 0; i < 9; ++i) AppendRow(block, 1, std::to_string(i), "");
  std::string bitmap;
  ASSERT_TRUE(FilterRows(
      block, [](const Row& row) { return row.key == "0" || row.key == "8"; }, bitmap));
  EXPECT_EQ(bitmap, std::string("\x01\x01", 2));
  EXPECT_FALSE(FilterRows(
      "junk", [](const Row&) { return true; }, bitmap));
}

}  // namespace
}  // namespace belay
