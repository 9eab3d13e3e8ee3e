// Projections: what they are shown, what they may make of it, and how they end a scan or fail it (S3).
#include "broker/engine/testing/cursor_fixture.h"

namespace belay::engine {
namespace {

using base::Code;
using base::Status;
using registry::Registry;

using Make = std::function<void(const std::vector<Change>&, storage::RowBlockBuilder*)>;

class ProjectionTest : public CursorTest {
 protected:
  // Answers with the rows that `make` makes of those shown, and with `behind` behind them.
  Probe MakeProjection(Make make, std::string behind = {}) {
    return Probe::Native(broker_->handle(),
                         [this, make = std::move(make), behind = std::move(behind)](
                             const registry::Request& request, std::string* reply) {
                           const auto rows = Decode(request.payload);
                           shown_.push_back(rows.size());
                           storage::RowBlockBuilder made;
                           make(rows, &made);
                           *reply = made.Take() + behind;
                           return Status();
                         });
  }
  // The first byte of each value.
  static void FirstByte(const std::vector<Change>& rows, storage::RowBlockBuilder* made) {
    for (const Change& row : rows)
      made->Append({0, storage::RowKind::kPut, row.key, std::string_view(row.value).substr(0, 1)});
  }

  std::vector<std::size_t> shown_;
};

TEST_F(ProjectionTest, S3_AProjectionsRowsComeInPlaceOfThoseShown) {
  Fill(1'000);
  const Probe projection = MakeProjection(&FirstByte);
  CursorOptions options;
  options.projection = projection.handle();
  options.scan.reverse = true;
  Code end{};
  const auto rows = ReadAll(*MustOpen(options), &end, 300);
  EXPECT_EQ(end, Code::kEnd);
  ASSERT_EQ(rows.size(), 1'000U);
  EXPECT_EQ(rows.front(), (Change{1'000, storage::RowKind::kPut, "k00999", "9"}));
  EXPECT_EQ(rows.back(), (Change{1, storage::RowKind::kPut, "k00000", "0"}));
  EXPECT_EQ(shown_, (std::vector<std::size_t>{512, 488}));
}

TEST_F(ProjectionTest, S3_AProjectionSeesWhatTheFilterKept) {
  Fill(2'000);
  const Probe filter = MakeFilter(1'000);
  const Probe projection = MakeProjection(&FirstByte);
  CursorOptions options;
  options.filter = filter.handle();
  options.projection = projection.handle();
  const auto cursor = MustOpen(options);
  EXPECT_EQ(cursor->label(), "projected scan");
  Code end{};
  const auto rows = ReadAll(*cursor, &end);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1].value, "1");
  EXPECT_EQ(seen_, (std::vector<std::size_t>{512, 512, 512, 464}));
  EXPECT_EQ(shown_, (std::vector<std::size_t>{1, 1})) << "and is not asked about nothing";
}

TEST_F(ProjectionTest, S3_TheLimitCountsRowsThatTheProjectionLeft) {
  Fill(1'500);
  const Probe every_hundredth = MakeProjection([](const auto& rows, auto* made) {
    for (const Change& row : rows)
      if (std::stoi(row.value) % 100 == 0)
        made->Append({0, storage::RowKind::kPut, row.key, row.value});
  });
  for (const std::uint64_t limit : {1U, 6U, 7U, 15U, 16U}) {
    CursorOptions options;
    options.projection = every_hundredth.handle();
    options.scan.limit = limit;
    Code end{};
    EXPECT_EQ(ReadAll(*MustOpen(options), &end).size(), std::min<std::uint64_t>(limit, 15));
    EXPECT_EQ(end, Code::kEnd);
  }
}

TEST_F(ProjectionTest, S3_AProjectionMayEndTheScan) {
  Fill(2'000);
  const Probe projection = MakeProjection(&FirstByte, "\1");
  CursorOptions options;
  options.projection = projection.handle();
  Code end{};
  EXPECT_EQ(ReadAll(*MustOpen(options), &end).size(), 512U);
  EXPECT_EQ(end, Code::kEnd);
  EXPECT_EQ(shown_.size(), 1U);
}

TEST_F(ProjectionTest, S3_AReplyThatIsNoProjectionFailsTheScanForGood) {
  Fill(10);
  const Probe projection = MakeProjection([](const auto&, auto* made) {
    made->Append({0, storage::RowKind::kPut, "somebody else's", ""});
  });
  CursorOptions options;
  options.projection = projection.handle();
  const auto cursor = MustOpen(options);
  for (int i = 0; i < 2; ++i) {
    const auto failed = cursor->Next(kPlenty, nullptr);
    EXPECT_EQ(failed.code(), Code::kCallbackFailed);
    EXPECT_EQ(failed.status().reason(), "BAD_PROJECTION_REPLY");
    EXPECT_NE(failed.status().message().find("the scan's projection: "), std::string::npos);
  }
  EXPECT_EQ(shown_.size(), 1U);
  EXPECT_EQ(Registry::Describe(projection.handle())->failures, 1U);
}

TEST_F(ProjectionTest, R3_ACursorHoldsItsProjectionUntilItEnds) {
  Fill(1);
  const Probe projection = MakeProjection(&FirstByte);
  CursorOptions options;
  options.projection = projection.handle();
  {
    const auto cursor = MustOpen(options);
    ASSERT_TRUE(Registry::Release(projection.handle()).ok());
    Code end{};
    EXPECT_EQ(ReadAll(*cursor, &end).size(), 1U);
    EXPECT_EQ(projection.releases(), 0);
  }
  EXPECT_TRUE(projection.WaitReleased());
}

TEST_F(ProjectionTest, I7_WhatCannotProjectIsRefused) {
  const Probe filter = MakeFilter(1);
  CursorOptions options;
  options.projection = broker_->handle();
  EXPECT_EQ(Cursor::Open(broker_, options).code(), Code::kWrongKind);
  // The filter, which was held already, is let go of.
  options.filter = filter.handle();
  EXPECT_EQ(Cursor::Open(broker_, options).code(), Code::kWrongKind);
  EXPECT_EQ(Registry::Holders(filter.handle()).size(), 1U);
  options.projection = filter.handle();
  options.scan.keys_only = true;
  EXPECT_EQ(Cursor::Open(broker_, options).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace belay::engine
