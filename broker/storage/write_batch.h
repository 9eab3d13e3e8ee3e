// What a commit consists of: operations with their preconditions, applied all or none.
//
// Thread safety: values and pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/status.h"
#include "broker/storage/keyspace.h"
#include "broker/storage/row_block.h"

namespace belay::storage {

// What must hold before the batch, else the whole batch is refused with ABORTED naming the key.
enum class Precondition : std::uint32_t {
  kNone = 0,
  kAbsent = 1,    // the key does not exist; reason KEY_EXISTS
  kRevision = 2,  // its mod_revision is Operation::if_revision; reason REVISION_MISMATCH
  kValue = 3,     // its value is Operation::if_value; reason VALUE_MISMATCH
};

enum class OperationKind : std::uint32_t {
  kPut = 1,
  kDelete = 2,       // deleting an absent key is fine, and no effect
  kCheck = 3,        // nothing but its precondition
  kDeleteRange = 4,  // all keys in [key, range_end); no precondition
  // What `merge_operator` makes of the key's value and the operand. A store knows no operators and refuses
  // it: whoever does makes another operation of it before the batch is committed.
  kMerge = 5,
};

struct Operation {
  OperationKind kind = OperationKind::kPut;
  std::string key;    // of a range: where it starts, may be empty
  std::string value;  // of a put; of a merge, the operand; else empty
  Precondition precondition = Precondition::kNone;
  Revision if_revision = 0;
  std::string if_value = {};
  std::string range_end = {};  // of a range; empty: to the end
  std::string merge_operator = {};
  // Of a put or a merge: when the key is to be deleted, in milliseconds since the Unix epoch; 0: never. The
  // key is there until a commit of Store::ExpireDue() takes it.
  std::int64_t expires_at_ms = 0;
  // What somebody has already decided by: the key's mod_revision, 0 if it did not exist. If that is
  // no longer so the batch is refused with ABORTED, reason CHANGED_MEANWHILE.
  std::optional<Revision> seen_revision = {};
};

enum class Durability : std::uint32_t {
  kSync = 0,   // Commit() returns when the batch is on disk
  kAsync = 1,  // Commit() returns when the batch is visible; a crash may lose it
};

// Applied as a whole. A key may be named once, be it by itself or as part of a range: what a second
// change of it in the same revision would mean, watchers could not tell.
struct WriteBatch {
  std::vector<Operation> operations;
  Durability durability = Durability::kSync;
  KeyspaceId keyspace = kDefaultKeyspace;
};

struct CommitResult {
  // Of this commit; of the last one before it when the batch had no effect (nothing but checks and
  // deletes of absent keys), which makes no new revision.
  Revision revision = 0;
  std::uint64_t deleted_count = 0;  // keys that were there and are not any more
};

// What Commit() refuses before it looks at the store; for engines and for who wants to ask early.
base::Status ValidateKey(std::string_view key);
base::Status ValidateBatch(const WriteBatch& batch);
// Of its keys and values together.
std::size_t BatchBytes(const WriteBatch& batch) noexcept;

// The key as messages show it: in quotes, bytes outside printable ASCII as \xNN, cut after 64.
std::string QuoteKey(std::string_view key);

}  // namespace belay::storage
