// ConnectionCaps: how many connections there may be, in all and of one origin.
//
// Without the second bound one client could use up the first, and lock out all others.
//
// Invariant: the counts are those of the tickets that live.
//
// Thread safety: all methods may be called from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "broker/base/status.h"

namespace belay::daemon {

class ConnectionCaps {
 public:
  // The right to one connection; given back when it goes.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept
        : caps_(std::exchange(other.caps_, nullptr)), origin_(std::move(other.origin_)) {}
    Ticket& operator=(Ticket&& other) noexcept {
      Return();
      caps_ = std::exchange(other.caps_, nullptr);
      origin_ = std::move(other.origin_);
      return *this;
    }
    ~Ticket() { Return(); }

   private:
    friend class ConnectionCaps;
    Ticket(ConnectionCaps* caps, std::string origin) : caps_(caps), origin_(std::move(origin)) {}
    void Return();

    ConnectionCaps* caps_ = nullptr;
    std::string origin_;
  };

  ConnectionCaps(std::uint32_t max_connections, std::uint32_t max_of_one_origin)
      : max_connections_(max_connections), max_of_one_origin_(max_of_one_origin) {}

  // RESOURCE_EXHAUSTED with the bound's name as its reason. REQUIRES: this outlives the ticket.
  base::Result<Ticket> Enter(const std::string& origin);

 private:
  void Leave(const std::string& origin);

  const std::uint32_t max_connections_;
  const std::uint32_t max_of_one_origin_;
  std::mutex mutex_;
  std::uint32_t connections_ = 0;
  std::map<std::string, std::uint32_t> of_origin_;  // those with at least one
};

}  // namespace belay::daemon
