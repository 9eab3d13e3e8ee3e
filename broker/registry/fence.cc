#include "broker/registry/fence.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "broker/registry/faults.h"

namespace belay::registry {
namespace {

long Membarrier(int command) { return ::syscall(__NR_membarrier, command, 0, 0); }

}  // namespace

FenceMode InitFence() {
  const char* wish = std::getenv("BELAY_FENCE");
  if (wish != nullptr && std::string_view(wish) == "portable") return FenceMode::kPortable;
  return Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0 ? FenceMode::kMembarrier
                                                                    : FenceMode::kPortable;
}

void HeavyFence(FenceMode mode) {
  if constexpr (kFaultNoFence) return;
  // In portable mode calls and retirements use sequentially consistent operations on hazard and key,
  // whose single total order is all that is needed.
  if (mode == FenceMode::kMembarrier) Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

}  // namespace belay::registry
