// Whether each scan of a history showed one moment of the store.
//
// Invariant: a snapshot shows of each key in its range what the writes up to its revision have left
// there: all of them, and no other, in order of keys.
//
// Where a write of unknown outcome may have changed a key, nobody can say: such keys are not
// judged.
//
// Thread safety: works on its argument alone.
#pragma once

#include <optional>

#include "tests/model/store/history.h"

namespace belay::store_model {

// REQUIRES: no two writes have the same revision.
std::optional<Violation> FindSnapshotViolation(const History& history);

}  // namespace belay::store_model
