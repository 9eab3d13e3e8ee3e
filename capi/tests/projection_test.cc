// Scans whose rows a callback replaces by others, through the C ABI (S3, I3).
#include "capi/tests/store_fixture.h"

namespace belay::capi {
namespace {

class ProjectionTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    Put("a", "Name: a, Size: 7");
    Put("b", "Name: b, Size: 11");
    Put("c", "Name: c, Size: 12");
  }

  // All rows of a scan, and what ended it.
  Rows Scan(const belay_scan_options& options, belay_status* end) const {
    Rows rows;
    belay_handle cursor = 0;
    *end = belay_store_scan(store_, &options, &cursor);
    if (*end != BELAY_OK) return rows;
    std::array<char, 4096> block{};
    std::uint64_t size = 0;
    while ((*end = belay_cursor_next(cursor, block.data(), block.size(), &size)) == BELAY_OK) {
      for (std::string& row : ReadRows(block.data(), size)) rows.push_back(std::move(row));
    }
    EXPECT_EQ(belay_release(cursor), BELAY_OK);
    return rows;
  }
};

TEST_F(ProjectionTest, S3_AProjectionGivesLessThanItIsShown) {
  Rows shown;
  const belay_handle sizes = Hook([&](belay_call* call) {
    Block block;
    for (const std::string& row : ReadRows(call->request, call->request_size)) {
      shown.push_back(row);
      if (row[1] != 'b') block.Add(BELAY_ROW_PUT, row.substr(1, 1), row.substr(row.rfind(' ') + 1));
    }
    return block.ReplyTo(call);
  });
  auto options = Sized<belay_scan_options>();
  options.projection = sizes;
  belay_status end = BELAY_OK;
  EXPECT_EQ(Scan(options, &end), (Rows{"+a=7", "+c=12"}));
  EXPECT_EQ(end, BELAY_END);
  EXPECT_EQ(shown, (Rows{"+a=Name: a, Size: 7", "+b=Name: b, Size: 11", "+c=Name: c, Size: 12"}));
}

TEST_F(ProjectionTest, S3_AReplyThatIsNoProjectionFailsTheScan) {
  auto options = Sized<belay_scan_options>();
  options.projection =
      Hook([](belay_call* call) { return Block().Add(BELAY_ROW_DELETE, "a").ReplyTo(call); });
  belay_status end = BELAY_OK;
  EXPECT_EQ(Scan(options, &end), Rows{});
  EXPECT_EQ(end, BELAY_CALLBACK_FAILED);
  EXPECT_EQ(LastReason(), "BAD_PROJECTION_REPLY");
  options.flags = BELAY_SCAN_KEYS_ONLY;
  (void)Scan(options, &end);
  EXPECT_EQ(end, BELAY_INVALID_ARGUMENT);
}

// A program that was compiled before there were projections has none.
TEST_F(ProjectionTest, I5_AnOlderStructHasNoProjection) {
  auto options = Sized<belay_scan_options>();
  options.struct_size = offsetof(belay_scan_options, projection);
  options.projection = 77;
  belay_status end = BELAY_OK;
  EXPECT_EQ(Scan(options, &end).size(), 3U);
  EXPECT_EQ(end, BELAY_END);
}

}  // namespace
}  // namespace belay::capi
