// Looks for what a history of the store says that no store could have done.
//
// A history is linearizable if each operation can be given one moment between its invocation and
// its return such that all of them, done at these moments, answer what they answered (Herlihy and
// Wing, "Linearizability: A Correctness Condition for Concurrent Objects", ACM TOPLAS 12(3), 1990).
// The same paper shows that a history is linearizable if what it says of each object is. So each
// key is looked at alone, which turns one search that no machine can do into many short ones (Horn
// and Kroening, "Faster Linearizability Checking via P-Compositionality", FORTE 2015). What keys
// have in common, the revision, is for revision_order.h and snapshots.h.
//
// The search is Wing and Gong's ("Testing and Verifying Concurrent Objects", Journal of Parallel
// and Distributed Computing 17, 1993): of the operations invoked before the first return try each
// as the first, and go on with the rest. Its form is Lowe's ("Testing for Linearizability",
// Concurrency and Computation 29(4), 2017): a list from which operations are lifted and to which
// they are returned, and a memory of what was tried, for the same operations in another order often
// leave the same state.
//
// Invariants
//   - A history that some store could have is never found to be wrong. One that none could have is
//     found, but for what key_state.h says of unknown outcomes.
//   - The story of a key ends with the first return that no order gets past: nothing that happened
//     later is in it.
//
// Thread safety: works on its argument alone.
#pragma once

#include <optional>

#include "tests/model/store/history.h"

namespace belay::store_model {

// REQUIRES: all operations with an outcome, and all snapshots, have returned.
std::optional<Violation> FindViolation(const History& history);

}  // namespace belay::store_model
