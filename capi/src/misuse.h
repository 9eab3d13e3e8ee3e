// Misuse policies of the ABI.
#pragma once

#include <cstdint>

#include "belay/belay.h"
#include "broker/registry/owner.h"

namespace belay::capi {

// False if the number is none of BELAY_MISUSE_...
inline bool LoadMisuse(std::int32_t given, registry::MisusePolicy* policy) noexcept {
  if (given < BELAY_MISUSE_INHERIT || given > BELAY_MISUSE_ABORT) return false;
  *policy = static_cast<registry::MisusePolicy>(given);
  return true;
}

}  // namespace belay::capi
