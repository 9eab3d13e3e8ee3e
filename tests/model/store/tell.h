// A history's parts in words, one line each.
//
// Thread safety: works on its arguments alone.
#pragma once

#include <string>

#include "tests/model/store/history.h"
#include "tests/model/store/key_state.h"

namespace belay::store_model {

// `[12, 17] thread 3: put "k1" = "v" if at revision 7 -> revision 9`; the numbers are tickets.
std::string Tell(const Operation& operation);
std::string Tell(const Snapshot& snapshot);
// `the key at revision 9 with "v"`
std::string Tell(const KeyState& state);

}  // namespace belay::store_model
