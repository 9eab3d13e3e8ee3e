#include "broker/daemon/health.h"

#include <algorithm>
#include <array>

namespace belay::daemon {
namespace {

constexpr std::string_view kStorage = "belay.v1.Storage";
constexpr std::array<std::string_view, 5> kServices = {"", "belay.v1.Broker", kStorage,
                                                       "belay.v1.Admin", "grpc.health.v1.Health"};

}  // namespace

std::optional<bool> Health::IsServing(std::string_view service) const {
  if (std::ranges::find(kServices, service) == kServices.end()) return std::nullopt;
  if (is_draining_.load(std::memory_order_relaxed)) return false;
  if (service != kStorage) return true;
  const auto store = broker_.store();
  return store.ok() && (*store)->Health().ok();
}

}  // namespace belay::daemon
