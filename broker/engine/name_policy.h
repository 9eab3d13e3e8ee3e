// Which of the callbacks that share a name serves the next call (W8).
//
// Thread safety: pure functions of what they are given; who calls guards it.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string_view>

namespace belay::engine {

// Numbers are part of the C ABI (BELAY_NAME_...).
enum class NamePolicy : std::uint8_t {
  kSingle = 0,       // there is one, and nobody can join it
  kFirst = 1,        // the one bound longest; the others stand by
  kRoundRobin = 2,   // in turn
  kRandom = 3,       // any, each as likely
  kLeastLoaded = 4,  // the one with the fewest calls in flight; among equals in turn
  kBroadcast = 5,    // all of them: there is no choice
};
inline constexpr std::uint8_t kLastNamePolicy = 5;

// "single", "round-robin", ...; "unknown" for a number without a name.
std::string_view NamePolicyName(NamePolicy policy) noexcept;

using NameRandom = std::mt19937_64;

// The index of the choice among `count` candidates, the one bound longest first. `turn` is the
// name's own, 0 at first. `in_flight(i)` tells how loaded a candidate is; only least-loaded asks.
// REQUIRES: count > 0, and `policy` is not broadcast.
std::size_t ChooseMember(NamePolicy policy, std::size_t count, std::uint64_t& turn,
                         NameRandom& random,
                         const std::function<std::uint64_t(std::size_t)>& in_flight);

}  // namespace belay::engine
