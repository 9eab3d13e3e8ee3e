// What everything that keeps a handle to somebody else's callback must ask: may it, and is the callback
// still there.
//
// Thread safety: pure functions of the registry's state; any thread.
#pragma once

#include <cstdint>

#include "broker/base/status.h"
#include "broker/registry/registry.h"

namespace belay::engine {

// PERMISSION_DENIED unless the handle carries the right to bind (R16); else as Registry::Describe.
// On success `*rights` is what the handle carries.
base::Status CheckMayBind(registry::Handle callback, std::uint32_t* rights);

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
