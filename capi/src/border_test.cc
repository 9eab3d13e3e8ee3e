// What no caller of the C ABI can bring about from outside, and none must be harmed by (I7, R9).
#include <gtest/gtest.h>

#include <stdexcept>

#include "capi/src/guard.h"

namespace belay::capi {
namespace {

std::string LastMessage() {
  belay_error error{};
  error.struct_size = sizeof error;
  EXPECT_EQ(belay_last_error(&error), BELAY_OK);
  return error.message;
}

TEST(BorderTest, R9_AnExceptionOfTheLibrarysOwnBecomesAnInternalError) {
  errno = ENOENT;
  EXPECT_EQ(Guarded([]() -> belay_status { throw std::runtime_error("a defect"); }),
            BELAY_INTERNAL);
  EXPECT_EQ(LastMessage(), "a defect");
  EXPECT_EQ(errno, ENOENT);
}

}  // namespace
}  // namespace belay::capi
