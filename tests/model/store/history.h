// What concurrent clients asked of the store and were answered, with the times that say what of it
// overlapped.
//
// Invariants
//   - An operation was invoked before it took effect and returned after, in the order of tickets.
//     So of two that do not overlap the order is known, and of two that do it is for the checker to
//     find.
//   - Distinct events have distinct tickets.
//   - An operation whose outcome nobody learned (its process died, the disk failed) has kUnknown
//     and never returned: it may take effect at any time after its invocation, or never.
//
// Thread safety: Tickets may be used from any thread; the rest are values.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "broker/storage/row_block.h"

namespace belay::store_model {

using storage::Revision;
using Ticket = std::uint64_t;

inline constexpr Ticket kNever = std::numeric_limits<Ticket>::max();

class Tickets {
 public:
  // Sequentially consistent, which is more than a number needs: an operation that returned with a
  // lower ticket than another was invoked with then happens before it, in the language's sense too.
  // "Earlier" must not mean less.
  Ticket Next() noexcept { return next_.fetch_add(1, std::memory_order_seq_cst); }

 private:
  std::atomic<Ticket> next_{1};
};

enum class Kind { kGet, kPut, kDelete, kPutIfRevision, kPutIfAbsent };

enum class Outcome {
  kOk,        // a get found the key, a write took effect
  kNotFound,  // a get or a delete found no key
  kAborted,   // a put's condition did not hold
  kUnknown,
};

struct Result {
  Outcome outcome = Outcome::kUnknown;
  std::string value;  // that a get found
  // Of kOk: the key's mod_revision for a get, the write's own for a write. Of a delete that found
  // no key: the store's, when it looked.
  Revision revision = 0;
};

struct Operation {
  int thread = 0;
  Kind kind = Kind::kGet;
  std::string key;
  std::string argument;      // the value to put
  Revision if_revision = 0;  // of kPutIfRevision
  Result result;
  Ticket invoked = 0;
  Ticket returned = kNever;
};

// All keys of a range, as one scan showed them.
struct Snapshot {
  struct Row {
    std::string key;
    std::string value;
    Revision mod_revision = 0;
    bool operator==(const Row&) const = default;
  };

  int thread = 0;
  std::string start;      // first key of the range
  std::string end;        // first key after it; empty: none
  Revision revision = 0;  // that the scan says it shows
  std::vector<Row> rows;  // in order of keys
  Ticket invoked = 0;
  Ticket returned = kNever;
};

inline bool TookEffect(const Operation& operation) {
  return operation.kind != Kind::kGet && operation.result.outcome == Outcome::kOk;
}

inline bool MayHaveTakenEffect(const Operation& operation) {
  return operation.kind != Kind::kGet && operation.result.outcome == Outcome::kUnknown;
}

// Of a store that was empty at first. In no order.
struct History {
  std::vector<Operation> operations = {};
  std::vector<Snapshot> snapshots = {};
};

// What is wrong with a history, for a program (the key) and for a person.
struct Violation {
  std::string key;  // empty: of the store as a whole
  std::string story;
};

}  // namespace belay::store_model
