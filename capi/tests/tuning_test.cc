// What a program may change about its store when it opens it (I7): what is within the bounds is taken, what is beyond
// them is refused by name.
#include "capi/tests/store_fixture.h"

namespace belay::capi {
namespace {

class TuningTest : public ::testing::Test {
 protected:
  TuningTest() {
    options_.store_path = path_.c_str();
    options_.history_bytes = std::uint64_t{64} << 20;
    options_.store_cache_bytes = std::uint64_t{1} << 20;
    options_.store_buffer_bytes = std::uint64_t{1} << 20;
    options_.store_jobs = 1;
    options_.store_bloom_bits = 12;
  }

  belay_status Open() {
    belay_handle broker = 0;
    const belay_status status = belay_open(&options_, &broker);
    return status == BELAY_OK ? belay_close(broker, 10'000) : status;
  }

  const std::string path_ = ::testing::TempDir() + "/tuned-" +
                            ::testing::UnitTest::GetInstance()->current_test_info()->name();
  belay_broker_options options_ = Sized<belay_broker_options>();
};

TEST_F(TuningTest, I7_WhatIsWithinTheBoundsIsTaken) {
  EXPECT_EQ(Open(), BELAY_OK) << LastMessage();
  options_.store_bloom_bits = BELAY_OFF;
  EXPECT_EQ(Open(), BELAY_OK) << LastMessage();
}

TEST_F(TuningTest, I7_WhatIsBeyondABoundIsRefusedByName) {
  options_.store_flags = BELAY_STORE_DIRECT_IO;
  options_.store_jobs = 65;
  EXPECT_EQ(Open(), BELAY_INVALID_ARGUMENT);
  EXPECT_NE(LastMessage().find("max_background_jobs is 65"), std::string::npos) << LastMessage();
}

TEST_F(TuningTest, I7_WhatNoOptionCanBeIsRefused) {
  options_.store_flags = BELAY_STORE_DIRECT_IO << 1U;
  EXPECT_EQ(Open(), BELAY_INVALID_ARGUMENT);
  options_.store_flags = 0;
  options_.store_jobs = 1U << 31U;
  EXPECT_EQ(Open(), BELAY_INVALID_ARGUMENT);
  options_.store_jobs = 0;
  options_.store_bloom_bits = BELAY_OFF - 1;
  EXPECT_EQ(Open(), BELAY_INVALID_ARGUMENT);
  options_.store_bloom_bits = 33;
  EXPECT_EQ(Open(), BELAY_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace belay::capi
