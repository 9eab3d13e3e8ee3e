// Clients of a real store that ask it at random, and what they were answered.
//
// Each client is a thread with choices of its own that follow from the round's seed; how the
// threads interleave does not, so a seed makes a failure likely again, not certain.
//
// Thread safety: RunClients() may be called by several threads, of the same store too.
#pragma once

#include <cstdint>
#include <vector>

#include "broker/storage/store.h"
#include "tests/model/store/history.h"

namespace belay::store_model {

// What clients do. Of 100 writes `async_percent` are async; of 100 operations `scan_percent` are
// scans.
struct Round {
  std::uint64_t seed = 0;
  int clients = 8;
  int operations_per_client = 300;
  std::uint64_t keys = 3;  // few, so that clients meet
  std::uint64_t async_percent = 0;
  std::uint64_t scan_percent = 0;
};

// Ends when all have done their operations; a client whose write had an unknown outcome ends with
// that. Scans that fail are left out. REQUIRES: `store` was empty when the tickets began.
History RunClients(storage::Store& store, Tickets& tickets, const Round& round);

// Reads each key of the round once.
std::vector<Operation> ReadKeys(storage::Store& store, Tickets& tickets, const Round& round);

}  // namespace belay::store_model
