#include <fcntl.h>
#include <gtest/gtest.h>

#include "broker/base/bytes.h"
#include "broker/base/clock.h"
#include "broker/base/status.h"
#include "broker/base/unique_fd.h"
#include "broker/base/varint.h"

namespace belay::base {
namespace {

TEST(Status, NamesItsCodeAndReason) {
  EXPECT_TRUE(Status().ok());
  const Status stale(Code::kStale, "handle 7 was released");
  EXPECT_EQ(stale.reason(), "STALE");
  EXPECT_EQ(stale.ToString(), "STALE: handle 7 was released");
  const Status full(Code::kResourceExhausted, "", "TABLE_FULL");
  EXPECT_EQ(full.ToString(), "RESOURCE_EXHAUSTED (TABLE_FULL)");
}

TEST(Status, EveryCodeHasAName) {
  for (int code = 0; code <= 50; ++code) {
    if (code > 16 && code < 32) continue;
    const bool is_unknown = CodeName(static_cast<Code>(code)) == "UNKNOWN";
    EXPECT_EQ(is_unknown, code == 2) << code;
  }
}

TEST(Result, HoldsValueOrStatus) {
  const Result<int> seven = 7;
  ASSERT_TRUE(seven.ok());
  EXPECT_EQ(*seven, 7);
  const Result<int> none = Status(Code::kNotFound, "no such key");
  EXPECT_FALSE(none.ok());
  EXPECT_EQ(none.code(), Code::kNotFound);
}

TEST(Varint, IsReadAsItWasWrittenAndFromNoLess) {
  for (unsigned shift = 0; shift < 64; ++shift) {
    for (const std::uint64_t number :
         {std::uint64_t{1} << shift, (std::uint64_t{1} << shift) - 1, ~std::uint64_t{0} >> shift}) {
      char bytes[kMaxVarintBytes];
      const char* const end = StoreVarint(bytes, number);
      std::uint64_t read = 0;
      EXPECT_EQ(LoadVarint(bytes, end, &read), end) << number;
      EXPECT_EQ(read, number);
      EXPECT_EQ(LoadVarint(bytes, end - 1, &read), nullptr) << number;
    }
  }
}

TEST(Varint, OfMoreThan64BitsIsRefused) {
  std::uint64_t read = 0;
  const std::string_view bit_64 = "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02";
  EXPECT_EQ(LoadVarint(bit_64.data(), bit_64.data() + bit_64.size(), &read), nullptr);
  const std::string endless(20, '\x80');
  EXPECT_EQ(LoadVarint(endless.data(), endless.data() + endless.size(), &read), nullptr);
}

TEST(Clock, VirtualTimeMovesWhenTold) {
  VirtualClock clock(5);
  EXPECT_EQ(clock.MonotonicNs(), 5);
  clock.AdvanceNs(10);
  EXPECT_EQ(clock.MonotonicNs(), 15);
  const auto before = Clock::System().MonotonicNs();
  EXPECT_LE(before, Clock::System().MonotonicNs());
}

TEST(Bytes, BigEndianKeysSortAsNumbers) {
  std::string small;
  std::string large;
  AppendBig64(small, 255);
  AppendBig64(large, 256);
  EXPECT_LT(small, large);
  EXPECT_EQ(LoadBig64(large.data()), 256U);
}

TEST(UniqueFd, ClosesOnce) {
  UniqueFd fd(::open("/dev/null", O_RDONLY));
  ASSERT_TRUE(fd.valid());
  const int number = fd.get();
  UniqueFd moved = std::move(fd);
  EXPECT_FALSE(fd.valid());  // NOLINT: the moved-from state is what is tested
  moved.Reset(-1);
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

}  // namespace
}  // namespace belay::base
