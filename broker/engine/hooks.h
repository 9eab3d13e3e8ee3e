// What everything that keeps a handle to somebody else's callback must ask: may it, and is the callback
// still there.
//
// Thread safety: pure functions of the registry's state; any thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "broker/base/clock.h"
#include "broker/base/status.h"
#include "broker/registry/registry.h"

namespace belay::engine {

// PERMISSION_DENIED unless the handle carries the right to bind (R16); else as Registry::Describe.
// On success `*rights` is what the handle carries.
base::Status CheckMayBind(registry::Handle callback, std::uint32_t* rights);

// When a call that may take `timeout_ns` must have ended, on the machine's clock, by which calls are timed; 0 for
// 0, which is no timeout. Ten years are for ever: what the clock adds to a time must not overflow it.
inline std::int64_t DeadlineAfter(std::int64_t timeout_ns) {
  constexpr std::int64_t kForEverNs = std::int64_t{10} * 366 * 24 * 3600 * 1'000'000'000;
  if (timeout_ns == 0) return 0;
  return base::Clock::System().MonotonicNs() + std::min(timeout_ns, kForEverNs);
}

// True for a refusal that no later call will be spared.
inline bool IsRefusedForGood(const base::Status& refusal) noexcept {
  switch (refusal.code()) {
    case base::Code::kStale:
    case base::Code::kWrongKind:
    case base::Code::kMalformed:
    case base::Code::kUnregistered:
    case base::Code::kRevoked:
    case base::Code::kOwnerClosed:
    case base::Code::kHostLost:
    case base::Code::kClosed: return true;
    // It was to be called once, and was: as good as unregistered.
    case base::Code::kFailedPrecondition: return refusal.reason() == "ALREADY_CALLED";
    default: return false;
  }
}

}  // namespace belay::engine
