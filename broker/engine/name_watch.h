// What a name is at a moment, and who is told when that changes (W8).
//
// A watch is told that there is something new, not what: it looks when it comes round, and until then is not
// told again. So a name that changes often costs a slow watcher nothing, and it always sees the latest state.
//
// Thread safety: a NameWatch is guarded by Names; `changed` is called from any thread, under no lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "broker/engine/name_policy.h"

namespace belay::engine {

struct NameState {
  std::uint64_t version = 0;  // of the last change; 0: the name is free
  NamePolicy policy = NamePolicy::kSingle;
  std::size_t members = 0;
  std::string owner_name;  // who registered the member bound longest
};

class NameWatch {
 public:
  NameWatch(std::string name, std::function<void()> changed)
      : name_(std::move(name)), changed_(std::move(changed)) {}

  const std::string& name() const { return name_; }

 private:
  friend class Names;
  enum class State : std::uint8_t {
    kQuiet,
    kListed,  // among those to be told
    kTold,    // and has not looked since
  };

  const std::string name_;
  const std::function<void()> changed_;
  State state_ = State::kQuiet;
  std::shared_ptr<NameWatch>
      next_;  // while listed: a list needs no memory where names lose members
};

}  // namespace belay::engine
