#include "broker/base/clock.h"

#include <ctime>

namespace belay::base {
namespace {

std::int64_t Read(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

class SystemClock final : public Clock {
 public:
  std::int64_t MonotonicNs() const override { return Read(CLOCK_MONOTONIC); }
  std::int64_t CoarseMonotonicNs() const override { return Read(CLOCK_MONOTONIC_COARSE); }
  std::int64_t WallNs() const override { return Read(CLOCK_REALTIME); }
};

}  // namespace

const Clock& Clock::System() {
  static const SystemClock* const clock =
      new SystemClock;  // never destroyed: threads may outlive statics
  return *clock;
}

}  // namespace belay::base
