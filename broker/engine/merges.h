// Merges: operations that say what is to become of a key's value, not what it is to be (S3).
//
// A merge names its operator: one of those that every broker has (merge_operators.h), or the public name of a
// callback. Before a batch is committed its merges become puts: the keys are read, all as of one moment, the
// operators asked, and the batch is committed on condition that none of the keys has changed since; else
// all is done again (commit_path.h). So a merge is one step, like an update, and may be one operation of
// many in a batch.
//
// A callback is asked once for all merges of a batch that name it. It gets a row block: of each the row of kind
// kOld of what the key has, if it is there, and a put of the operand, with revision 0. It replies with a row
// block of puts and deletes of those keys, in any order; one that it leaves out stays as it is.
//
// An expiry that a key has stays, unless the merge sets another.
//
// Thread safety: every function may be called from any thread.
#pragma once

#include <cstdint>

#include "broker/base/status.h"
#include "broker/engine/broker.h"
#include "broker/storage/store.h"

namespace belay::engine {

// Of one question to a callback.
inline constexpr std::int64_t kMergeTimeoutNs = 10'000'000'000;

// Whether the batch has merges at all, and whether some are by callbacks, which may be slow.
bool HasMerges(const storage::WriteBatch& batch) noexcept;
bool HasMergesByCallback(const storage::WriteBatch& batch) noexcept;

// Makes puts, deletes or checks of the batch's merges, each with the revision that was decided by. May block.
// Errors: INVALID_ARGUMENT, as storage::ValidateBatch; NOT_FOUND with reason NO_OPERATOR; RESOURCE_EXHAUSTED if
// the values to merge with exceed max_batch_bytes together; those of the operator; CALLBACK_FAILED with
// reason BAD_MERGE_REPLY.
base::Status ResolveMerges(Broker& broker, storage::WriteBatch* batch);

}  // namespace belay::engine
