// Keyspaces: the separate sets of keys of one store, each in an order of its own. All share the
// store's revisions and its log, so a commit in one is ordered with those in all others.
//
// Thread safety: pure functions and values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/base/status.h"

namespace belay::storage {

// Of a keyspace for as long as the store exists: never given out again, also not when the keyspace
// is dropped and one of the same name created.
using KeyspaceId = std::uint32_t;

// There in every store, and not to be dropped.
inline constexpr KeyspaceId kDefaultKeyspace = 1;
inline constexpr char kDefaultKeyspaceName[] = "default";
// The broker's own: names, subscriptions, audit. No client gets to it.
inline constexpr KeyspaceId kSystemKeyspace = 3;
inline constexpr char kSystemKeyspaceName[] = "system";

inline constexpr std::size_t kMaxKeyspaceNameBytes = 128;
inline constexpr std::size_t kMaxKeyspaces = 1000;

struct KeyspaceInfo {
  KeyspaceId id = 0;
  std::string name;
};

// INVALID_ARGUMENT unless `name` has 1 to kMaxKeyspaceNameBytes bytes, all of them letters, digits
// or one of "._-".
base::Status ValidateKeyspaceName(std::string_view name);

// NOT_FOUND, reason NO_KEYSPACE: what every operation in a keyspace that is gone answers.
base::Status NoKeyspace(KeyspaceId id);

}  // namespace belay::storage
