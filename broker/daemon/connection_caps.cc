#include "broker/daemon/connection_caps.h"

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;

void ConnectionCaps::Ticket::Return() {
  if (auto* const caps = std::exchange(caps_, nullptr)) caps->Leave(origin_);
}

Result<ConnectionCaps::Ticket> ConnectionCaps::Enter(const std::string& origin) {
  const std::lock_guard lock(mutex_);
  if (connections_ >= max_connections_) {
    return Status(Code::kResourceExhausted,
                  "there are " + std::to_string(connections_) +
                      " connections, max-connections allows no more",
                  "MAX_CONNECTIONS");
  }
  std::uint32_t& count = of_origin_[origin];
  if (count >= max_of_one_origin_) {
    return Status(Code::kResourceExhausted,
                  origin + " has " + std::to_string(count) +
                      " connections, max-connections-per-origin allows no more",
                  "MAX_CONNECTIONS_PER_ORIGIN");
  }
  ++count;
  ++connections_;
  return Ticket(this, origin);
}

void ConnectionCaps::Leave(const std::string& origin) {
  const std::lock_guard lock(mutex_);
  --connections_;
  const auto found = of_origin_.find(origin);
  if (--found->second == 0) of_origin_.erase(found);
}

}  // namespace belay::daemon
