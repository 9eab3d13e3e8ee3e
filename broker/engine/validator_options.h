// How a validator is attached: what it wants to see, and what a failure of it means.
#pragma once

#include <cstdint>
#include <string>

#include "broker/registry/handle.h"
#include "broker/storage/keyspace.h"

namespace belay::engine {

// What happens to a write when its validator cannot be asked: it is gone, times out, is quarantined.
enum class OnValidatorFailure : std::uint8_t { kRefuse, kAccept };
// Whether hooks are shown what a key has beside what it gets.
enum class ShowOldValues : std::uint8_t { kNo, kYes };

struct ValidatorOptions {
  std::string prefix;  // of the keys that it sees; empty: all
  storage::KeyspaceId keyspace = storage::kDefaultKeyspace;
  registry::Handle callback = 0;
  registry::Handle holder = 0;  // holds the subscription; its close detaches. 0: the broker
  std::int32_t priority = 0;    // the smallest comes first; among equals the one attached first
  std::int64_t timeout_ns = 10'000'000'000;  // of one question; 0: none
  OnValidatorFailure on_failure = OnValidatorFailure::kRefuse;
  ShowOldValues old_values = ShowOldValues::kNo;
};

}  // namespace belay::engine
