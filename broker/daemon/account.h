// Account: what one identity uses over all its sessions and unary calls, and what it may use (R14).
//
// What is counted is counted always, budget or not, so that a budget that comes with a new policy is right at once.
// Nobody is made to give anything back by a budget that has shrunk: there is no more until enough is gone.
//
// Invariants
//   - A count is what is there: who adds to it takes it back, a CallCharge by itself.
//
// Thread safety: none; the loop's thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "broker/access/policy.h"
#include "broker/base/clock.h"
#include "broker/base/status.h"

namespace belay::daemon {

class Account {
 public:
  struct Usage {
    std::uint64_t sessions = 0;
    std::uint64_t callbacks = 0;
    std::uint64_t handles = 0;
    std::uint64_t calls_in_flight = 0;
    std::uint64_t queued_bytes = 0;
  };

  // A call as long as it is in flight. REQUIRES: the account outlives it.
  class CallCharge {
   public:
    CallCharge() = default;
    CallCharge(CallCharge&& other) noexcept
        : used_(std::exchange(other.used_, nullptr)), bytes_(other.bytes_) {}
    CallCharge& operator=(CallCharge&& other) noexcept {
      std::swap(used_, other.used_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~CallCharge() {
      if (used_ == nullptr) return;
      --used_->calls_in_flight;
      used_->queued_bytes -= bytes_;
    }

   private:
    friend class Account;
    CallCharge(Usage* used, std::uint64_t bytes) : used_(used), bytes_(bytes) {
      ++used_->calls_in_flight;
      used_->queued_bytes += bytes_;
    }

    Usage* used_ = nullptr;
    std::uint64_t bytes_ = 0;
  };

  explicit Account(std::string identity) : identity_(std::move(identity)) {}
  Account(const Account&) = delete;
  Account& operator=(const Account&) = delete;

  // Those of the identity, as they are from now on.
  void Use(const access::Permissions& permissions);

  // Whether there may be one more. RESOURCE_EXHAUSTED, reason BUDGET, names who, how much there is, and the bound with
  // its rule.
  base::Status CheckSession() const;
  base::Status CheckCallback() const;
  base::Status CheckHandle() const;
  // Also counts it as begun, if it may be.
  base::Status CheckCall(std::uint64_t payload_bytes, const base::Clock& clock);
  CallCharge BeginCall(std::uint64_t payload_bytes) { return {&used, payload_bytes}; }

  Usage used;

 private:
  base::Status Exhausted(std::string_view bound, std::uint64_t most, std::uint64_t there,
                         std::string_view of_what) const;
  bool TakeTurn(std::int64_t now_ns);

  const std::string identity_;
  access::Budget budget_;
  std::string rule_;
  // Calls that may begin at once, as of `turns_ns_`: they come back at calls_per_second, up to as many.
  double turns_ = 0;
  std::int64_t turns_ns_ = 0;
};

}  // namespace belay::daemon
