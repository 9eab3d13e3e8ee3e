// What is kept of a key is read as it was written, and what is cut short is not taken for a record.
#include "broker/storage/rocksdb/record.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace belay::storage {
namespace {

std::string Encode(const RecordHeader& header, std::string_view value) {
  char bytes[kMaxHeaderBytes];
  return std::string(bytes, EncodeRecordHeader(header, bytes)).append(value);
}

constexpr Revision kLast = (Revision{1} << 63U) - 1;

const RecordHeader kHeaders[] = {
    {1, 1, 1, 0},
    {1, kLast, 7, 0},
    {kLast, kLast, std::numeric_limits<std::uint64_t>::max(), 0},
    {1'000'000, 1'000'127, 128, 1'790'000'000'000},
    {5, 6, 2, -1},
};

TEST(Record, S1_IsReadAsItWasWritten) {
  for (const RecordHeader& header : kHeaders) {
    for (const std::string_view value : {"", "v", "\x80\x80"}) {
      const std::string bytes = Encode(header, value);
      const auto record = DecodeRecord(bytes);
      ASSERT_TRUE(record.has_value());
      EXPECT_EQ(record->create_revision, header.create_revision);
      EXPECT_EQ(record->mod_revision, header.mod_revision);
      EXPECT_EQ(record->version, header.version);
      EXPECT_EQ(record->expires_at_ms, header.expires_at_ms);
      EXPECT_EQ(record->value, value);
    }
  }
}

TEST(Record, S4_CutShortIsNoRecord) {
  for (const RecordHeader& header : kHeaders) {
    const std::string bytes = Encode(header, "");
    for (std::size_t size = 0; size < bytes.size(); ++size)
      EXPECT_FALSE(DecodeRecord(std::string_view(bytes).substr(0, size)).has_value()) << size;
  }
}

TEST(Record, S1_AHeaderIsMostlyNineBytesOrLess) {
  EXPECT_LE(Encode({100'000'000, 100'001'000, 100, 0}, "").size(), 9U);
}

}  // namespace
}  // namespace belay::storage
