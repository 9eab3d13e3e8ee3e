// How many guarded connections the process's limit on descriptors has room for.
//
// At the limit nothing can be accepted any more, on no listener: so connections from a port are refused
// before it is reached, and what is left is for the store, unix sockets and whatever else opens files.
//
// Thread safety: RaiseDescriptorLimit() changes the process; call at its start.
#pragma once

#include <algorithm>
#include <cstdint>

namespace belay::daemon {

// The client's, and the two ends of the way to gRPC.
inline constexpr std::uint64_t kDescriptorsPerConnection = 3;
inline constexpr std::uint64_t kDescriptorsKept = 128;

// Raises the soft limit to the hard one, and tells the limit that is then in force.
std::uint64_t RaiseDescriptorLimit();

// At most `wanted`, and one at least.
inline std::uint32_t ConnectionsWithin(std::uint64_t descriptor_limit, std::uint32_t wanted) {
  const std::uint64_t free =
      descriptor_limit > kDescriptorsKept ? descriptor_limit - kDescriptorsKept : 0;
  const std::uint64_t room = std::max<std::uint64_t>(free / kDescriptorsPerConnection, 1);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(room, wanted));
}

}  // namespace belay::daemon
