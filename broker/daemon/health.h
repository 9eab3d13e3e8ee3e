// Health: what belayd says of itself to the health clients of gRPC.
//
// The process, "" and each of its services, is SERVING from its start until it drains; Storage is not while the
// store takes no writes (S4). There is no other service.
//
// Thread safety: every method may be called from any thread.
#pragma once

#include <atomic>
#include <optional>
#include <string_view>

#include "broker/engine/broker.h"

namespace belay::daemon {

class Health {
 public:
  explicit Health(engine::Broker& broker) : broker_(broker) {}

  // Whether the service serves; none: there is no such service.
  std::optional<bool> IsServing(std::string_view service) const;
  void Drain() { is_draining_.store(true, std::memory_order_relaxed); }

 private:
  engine::Broker& broker_;
  std::atomic<bool> is_draining_{false};  // relaxed: it orders nothing
};

}  // namespace belay::daemon
