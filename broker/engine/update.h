// Read, change, write: one key's value replaced by what a callback makes of it, as one step (S3).
//
// Optimistic: the write is refused if the key has changed since it was read, and then all is done
// again, a bounded number of times. The callback may therefore run more than once; what it returned
// last is what was written.
//
// Thread safety: any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/base/status.h"
#include "broker/engine/broker.h"
#include "broker/storage/store.h"

namespace belay::engine {

struct UpdateOptions {
  storage::KeyspaceId keyspace = storage::kDefaultKeyspace;
  // Gets a row block of the key's row, or of no row if there is none; replies with a row block of
  // one row for the same key: a put is written, a delete deletes; of no row: nothing is done.
  registry::Handle callback = 0;
  std::int64_t timeout_ns = 30'000'000'000;  // of one call of the callback; 0: none
  storage::Durability durability = storage::Durability::kSync;
  std::string caller;  // shown to the callback's host
};

// The revision is that of the write, or, if nothing was done, of the last commit before. Errors:
// those of the callback; CALLBACK_FAILED for a reply that is none; ABORTED with reason
// TOO_MANY_CONFLICTS; those of Broker::Commit.
base::Result<storage::CommitResult> Update(Broker& broker, std::string_view key,
                                           const UpdateOptions& options);

}  // namespace belay::engine
