#include "broker/engine/name_policy.h"

namespace belay::engine {
namespace {

std::size_t LeastLoaded(std::size_t count, std::size_t begin,
                        const std::function<std::uint64_t(std::size_t)>& in_flight) {
  std::size_t best = begin;
  std::uint64_t least = in_flight(begin);
  for (std::size_t n = 1; n < count && least > 0; ++n) {
    const std::size_t candidate = (begin + n) % count;
    const std::uint64_t load = in_flight(candidate);
    if (load >= least) continue;
    best = candidate;
    least = load;
  }
  return best;
}

}  // namespace

std::string_view NamePolicyName(NamePolicy policy) noexcept {
  switch (policy) {
    case NamePolicy::kSingle: return "single";
    case NamePolicy::kFirst: return "first";
    case NamePolicy::kRoundRobin: return "round-robin";
    case NamePolicy::kRandom: return "random";
    case NamePolicy::kLeastLoaded: return "least-loaded";
    case NamePolicy::kBroadcast: return "broadcast";
  }
  return "unknown";
}

std::size_t ChooseMember(NamePolicy policy, std::size_t count, std::uint64_t& turn,
                         NameRandom& random,
                         const std::function<std::uint64_t(std::size_t)>& in_flight) {
  switch (policy) {
    case NamePolicy::kRoundRobin: return static_cast<std::size_t>(turn++ % count);
    case NamePolicy::kRandom:
      return std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
    case NamePolicy::kLeastLoaded:
      return LeastLoaded(count, static_cast<std::size_t>(turn++ % count), in_flight);
    case NamePolicy::kSingle:
    case NamePolicy::kFirst:
    case NamePolicy::kBroadcast: break;
  }
  return 0;
}

}  // namespace belay::engine
