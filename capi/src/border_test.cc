// What no caller of the C ABI can bring about from outside, and none must be harmed by (I7, R9).
#include <gtest/gtest.h>

#include <stdexcept>

#include "broker/registry/registry.h"
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

// As a store's handle is between the end of its broker and its own.
TEST(BorderTest, I7_AStoreWhoseBrokerIsGoneIsClosed) {
  auto registry = registry::Registry::Open({});
  ASSERT_TRUE(registry.ok());
  const belay_handle store = *(*registry)->Insert(
      registry::Ref<registry::Object>::Adopt(new registry::Object(registry::Kind::kStore)));
  std::uint64_t size = 0;
  EXPECT_EQ(belay_store_get(store, "k", 1, nullptr, 0, &size, nullptr), BELAY_CLOSED);
  EXPECT_EQ(belay_store_put(store, "k", 1, "v", 1, nullptr, nullptr), BELAY_CLOSED);
  belay_handle cursor = 0;
  EXPECT_EQ(belay_store_scan(store, nullptr, &cursor), BELAY_CLOSED);
  EXPECT_TRUE((*registry)->Close(60'000'000'000).ok());
}

}  // namespace
}  // namespace belay::capi
