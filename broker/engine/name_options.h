// What one says when binding a name, what a name may be, and what listings tell of names.
//
// Thread safety: values and pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/base/status.h"
#include "broker/engine/name_policy.h"
#include "broker/registry/handle.h"

namespace belay::engine {

inline constexpr std::size_t kMaxNameBytes = 255;
inline constexpr std::size_t kMaxNameMembers = 1024;

// INVALID_ARGUMENT unless `name` has 1 to kMaxNameBytes bytes and no control characters.
base::Status CheckName(std::string_view name);
// NOT_FOUND, naming it.
base::Status NameNotBound(std::string_view name);

// What to do when the name is bound to a live callback. Numbers are part of the C ABI
// (BELAY_BIND_...).
enum class OnConflict : std::uint8_t {
  kFail = 0,
  kReplace = 1,  // the new callback takes the place of all others, and its policy of theirs
  kJoin = 2,     // it becomes one more; the policies must be the same, and not single
};

struct BindOptions {
  OnConflict on_conflict = OnConflict::kFail;
  NamePolicy policy = NamePolicy::kSingle;
  // Conditions, for compare-and-bind; what does not hold is ABORTED.
  std::optional<std::uint64_t> if_version;  // the name's version is this; 0: it is not bound
  std::optional<registry::Handle>
      if_member;  // bound to this handle's callback, alone or among others
};

// One member of one name.
struct NameEntry {
  std::string name;
  NamePolicy policy = NamePolicy::kSingle;
  std::uint64_t version = 0;        // of the name's last change
  std::uint64_t bound_version = 0;  // of the change that made this callback a member
  registry::Handle handle = 0;      // the name's own: borrowed
  std::size_t members = 0;          // how many the name has
};

}  // namespace belay::engine
