// One key of the store by the book: what each operation does to it when nothing else happens.
//
// Invariants
//   - Apply() follows from state and operation alone, the answer that the operation got included: a
//     state in which that answer would have been wrong has no next one.
//   - After a write of unknown outcome the key's revision is not known either, only what it is at
//     least; the first answer that names it settles it. A put that was refused because of its
//     revision does not: of such histories a few that are wrong may pass. One that is right never
//     fails.
//
// Thread safety: values.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "tests/model/store/history.h"

namespace belay::store_model {

struct KeyState {
  bool present = false;
  bool is_exact =
      true;  // else `revision` is the least that it can be; only of a key that is present
  // Of the last change. Of an absent key: the greatest that a change after this one can not have.
  Revision revision = 0;
  std::string value;

  bool operator==(const KeyState&) const = default;
};

std::size_t HashOf(const KeyState& state) noexcept;

struct Step {
  std::optional<KeyState> next;
  const char* refusal = nullptr;  // if there is no next state: what is wrong with it
};

// REQUIRES: `operation` is no get of unknown outcome, which says nothing.
Step Apply(const KeyState& state, const Operation& operation);

}  // namespace belay::store_model
