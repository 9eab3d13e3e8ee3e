// What the store's one counter of commits says across keys.
//
// Invariants
//   - Each write that took effect has a revision of its own, above every revision that anybody had
//     been told when it was invoked: revisions are in the order of real time, where there is one.
//   - Who is told where the store is (by a snapshot, or a delete that found no key) is told no
//     earlier revision than anybody had been told when he asked.
//
// Of a write of unknown outcome nobody knows the revision: it is left out.
//
// Thread safety: works on its argument alone.
#pragma once

#include <optional>

#include "tests/model/store/history.h"

namespace belay::store_model {

std::optional<Violation> FindRevisionViolation(const History& history);

}  // namespace belay::store_model
