// Names: what a callback is found by, and which of several that share one serves a call.
//
// Thread safety: values.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace belay::client {

// Which member of a name serves a call. Numbers are the wire's.
enum class NamePolicy : std::uint8_t {
  kSingle = 0,       // there is one, and nobody can join it
  kFirst = 1,        // the one bound longest; the others stand by
  kRoundRobin = 2,   // in turn
  kRandom = 3,       // any, each as likely
  kLeastLoaded = 4,  // the one with the fewest calls in flight
  kBroadcast = 5,    // all of them: Client::InvokeAll
};

// What to do if the name is bound to a live callback. Numbers are the wire's.
enum class OnConflict : std::uint8_t {
  kFail = 0,     // ALREADY_EXISTS
  kReplace = 1,  // the callback takes the place of all others, and its policy of theirs
  kJoin = 2,     // it becomes one more; the policies must be the same, and not kSingle
};

struct BindOptions {
  NamePolicy policy = NamePolicy::kSingle;
  OnConflict on_conflict = OnConflict::kFail;
  // Conditions; what does not hold is ABORTED, with reason NAME_CHANGED.
  std::optional<std::uint64_t> if_version = {};  // the name's version is this; 0: it is free
  std::uint64_t if_member = 0;  // it is bound to this handle's callback; 0: no condition
};

// What a name is at a moment.
struct NameState {
  std::string name;
  std::uint64_t version = 0;  // of its last change; 0: the name is free
  NamePolicy policy = NamePolicy::kSingle;
  std::uint32_t members = 0;
  std::string owner;  // client name of who registered the member bound longest
};

// Called on the client's thread; must not block.
using NameListener = std::function<void(const NameState&)>;

}  // namespace belay::client
