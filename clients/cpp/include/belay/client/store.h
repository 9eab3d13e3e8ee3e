// Store: one keyspace of the broker's store, through a client's session; and what batches, updates and
// validators are told.
//
// As in client.h each operation comes in two forms, and completions run on the client's thread. Requests are
// done in the order in which they were sent. What has to ask a callback (an update, or a write that a
// validator wants to see) lets later reads pass, never later writes.
//
// Thread safety: a Store is a value that names a keyspace and perhaps a snapshot; any thread. It keeps its
// session, but not open: after Client::Close() everything says CLOSED.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "belay/client/client.h"

namespace belay::client {

struct Record {
  std::string key;
  Value value;
};

// Keys in [start, end), empty: open; or all that begin with `prefix`, which excludes both.
struct KeyRange {
  std::string start = {};
  std::string end = {};
  std::string prefix = {};
};

// Operations that are committed all or none, as one revision; each key once. Conditions look at the store
// before the batch. `async` in an operation's options has no meaning: it is the batch's.
class Batch {
 public:
  Batch& Put(std::string key, std::string value, WriteOptions options = {});
  // A key that is not there is fine, unless a condition says otherwise.
  Batch& Delete(std::string key, WriteOptions options = {});
  Batch& DeleteRange(KeyRange range);
  // See Store::Merge; of the options `ttl_ms` alone.
  Batch& Merge(std::string key, std::string operator_name, std::string operand,
               WriteOptions options = {});
  // Nothing but the condition.
  Batch& Check(std::string key, WriteOptions condition);

  bool async = false;  // do not wait for the disk: a crash may lose the batch

  enum class Kind : std::uint8_t { kPut, kDelete, kDeleteRange, kCheck, kMerge };
  struct Operation {
    Kind kind;
    std::string key;
    std::string value;
    WriteOptions options;
    KeyRange range;
    std::string operator_name = {};
  };
  std::vector<Operation> operations;
};

struct Written {
  std::uint64_t revision = 0;       // of the commit; of the last one before if it changed nothing
  std::uint64_t deleted_count = 0;  // keys that were there and are not any more
};

struct UpdateOptions {
  bool async = false;            // do not wait for the disk
  std::uint32_t timeout_ms = 0;  // of one call of the callback; 0: 30 s
};

struct WatchOptions {
  KeyRange range = {};
  std::uint64_t from_revision = 0;  // first revision to deliver; 0: changes after the attach
  bool old_values = false;          // before each row show what its key had
  bool state_first = false;         // begin with what there is; excludes from_revision
  // A durable subscription: the next watch of the name goes on where this one's callback got to.
  std::string name = {};
  std::uint64_t lag_limit =
      0;  // revisions behind at which it is told the state instead; 0: the history's
};

struct ValidatorOptions {
  std::string prefix = {};       // of the keys that it sees; empty: all
  std::uint32_t timeout_ms = 0;  // of one question; 0: 10 s
  std::int32_t priority = 0;     // the smallest is asked first
  bool old_values = false;       // show what each key has beside what it gets
  bool fail_open = false;        // a write that it cannot be asked about passes
};

struct SizeEstimate {
  std::uint64_t keys = 0;
  std::uint64_t size_bytes = 0;
};

class Store {
 public:
  template <typename T>
  using Done = Client::Done<T>;

  Store(std::shared_ptr<Session> session, std::string keyspace);

  // The same keyspace as the snapshot has it: what Get, GetMany, Scan and Count show. Writing through it is
  // INVALID_ARGUMENT. The snapshot must be kept meanwhile.
  Store At(const Snapshot& snapshot) const;

  Result<Value> Get(std::string key) const;
  void GetAsync(std::string key, Done<Value> done) const;
  // Those of up to 10,000 keys that are there, as of one moment, in the order asked for.
  Result<std::vector<Record>> GetMany(std::vector<std::string> keys) const;
  void GetManyAsync(std::vector<std::string> keys, Done<std::vector<Record>> done) const;

  // Each gives the commit's revision. Errors: ABORTED when a condition does not hold; FAILED_PRECONDITION
  // with reason REJECTED and a validator's words; UNAVAILABLE with reason VALIDATOR_FAILED.
  Result<std::uint64_t> Put(std::string key, std::string value, WriteOptions options = {}) const;
  void PutAsync(std::string key, std::string value, WriteOptions options,
                Done<std::uint64_t> done) const;
  Result<std::uint64_t> Delete(std::string key, WriteOptions options = {}) const;
  void DeleteAsync(std::string key, WriteOptions options, Done<std::uint64_t> done) const;
  Result<Written> Write(Batch batch) const;
  void WriteAsync(Batch batch, Done<Written> done) const;

  // Replaces the value by what a callback makes of it, called anew if the key changes meanwhile; see
  // Change() in hosting.h. Errors: those of the callback; ABORTED with reason TOO_MANY_CONFLICTS.
  Result<std::uint64_t> Update(std::string key, std::uint64_t callback,
                               UpdateOptions options = {}) const;
  void UpdateAsync(std::string key, std::uint64_t callback, UpdateOptions options,
                   Done<std::uint64_t> done) const;

  // Makes of the value and the operand what an operator makes of them, as one step: "add_i64" (8 bytes each,
  // little-endian; no key counts as 0), "append", "max", "min", or the public name of a callback; see
  // Merge() in hosting.h. Of the options `async` and `ttl_ms` alone. Errors: NOT_FOUND with reason NO_OPERATOR;
  // FAILED_PRECONDITION with reason NOT_MERGEABLE; OUT_OF_RANGE; ABORTED with reason TOO_MANY_CONFLICTS; those of
  // the callback.
  Result<std::uint64_t> Merge(std::string key, std::string operator_name, std::string operand,
                              WriteOptions options = {}) const;
  void MergeAsync(std::string key, std::string operator_name, std::string operand,
                  WriteOptions options, Done<std::uint64_t> done) const;

  // `row` is called for each, on the client's thread. Gives the revision that the scan showed: a watch
  // from the next one on misses nothing.
  Result<std::uint64_t> Scan(const ScanOptions& options, std::function<void(const Row&)> row) const;
  void ScanAsync(const ScanOptions& options, std::function<void(const Row&)> row,
                 Done<std::uint64_t> done) const;
  // Exactly, by reading.
  Result<std::uint64_t> Count(KeyRange range = {}) const;
  void CountAsync(KeyRange range, Done<std::uint64_t> done) const;
  // Without reading.
  Result<SizeEstimate> Estimate(KeyRange range = {}) const;

  // As Client::AttachWatch; calls may begin before it is answered. Errors: COMPACTED; ALREADY_EXISTS while
  // another watch has the name.
  Result<Handle> AttachWatch(std::uint64_t callback, WatchOptions options = {}) const;
  void AttachWatchAsync(std::uint64_t callback, WatchOptions options, Done<Handle> done) const;
  // Forgets how far the watches of a name got. Errors: NOT_FOUND; FAILED_PRECONDITION while one is attached.
  Status ForgetWatch(std::string name) const;
  // Has the callback asked before each write under the prefix; see Validate() in hosting.h. It may read
  // through this session, but needs an executor for that. The handle is the validator's own; it goes with
  // this session, and with the callback's host.
  Result<Handle> AttachValidator(std::uint64_t callback, ValidatorOptions options = {}) const;
  void AttachValidatorAsync(std::uint64_t callback, ValidatorOptions options,
                            Done<Handle> done) const;

 private:
  std::shared_ptr<Session> session_;
  std::string keyspace_;
  std::uint64_t snapshot_ = 0;
};

}  // namespace belay::client
