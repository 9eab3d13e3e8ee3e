// The committer is the store's only writer: it turns batches from many threads into groups, checks
// their preconditions, gives out revisions and writes each group with one RocksDB write.
//
// Invariants
//   - Revisions are dense: a batch gets the next one only if it changes something, and a group that
//     could not be written gives its revisions back (S1, S4).
//   - A batch sees the effects of all batches before it, in its own group too, and a result that was
//     decided by a batch that could not be written is not handed out: that group fails as a whole.
//   - A group is synced if any batch in it asked for that; nothing is acknowledged as sync before
//     (S2). RocksDB's log is in order, so earlier async batches are durable with it.
//   - current_revision() is never ahead of what is visible.
//
// Thread safety: every method may be called from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "broker/base/clock.h"
#include "broker/base/status.h"
#include "broker/storage/rocksdb/database.h"
#include "broker/storage/rocksdb/group_queue.h"
#include "broker/storage/rocksdb/listener_slot.h"
#include "broker/storage/store.h"

namespace belay::storage {

class Committer {
 public:
  // REQUIRES: `clock` outlives the committer.
  Committer(std::shared_ptr<Database> database, const StoreFacts& facts, const base::Clock& clock);

  // As in Store.
  base::Result<CommitResult> Commit(const WriteBatch& batch);
  base::Status TrimHistory(Revision before_revision);
  base::Status Recover();
  void SetListener(std::function<void(Revision)> listener) { listener_.Set(std::move(listener)); }

  // Acquire: who reads a revision here also sees its commit in the database.
  Revision current_revision() const noexcept {
    return current_revision_.load(std::memory_order_acquire);
  }
  Revision oldest_revision() const noexcept {
    return oldest_revision_.load(std::memory_order_acquire);
  }

 private:
  struct Request {
    enum class Kind { kCommit, kTrim, kRecover };
    Kind kind = Kind::kCommit;
    const WriteBatch* batch = nullptr;  // of kCommit
    Revision before_revision = 0;       // of kTrim
    base::Status status;                // the outcome; of kCommit with `result` if it is OK
    CommitResult result;
  };

  void Apply(std::span<Request* const> group) noexcept;
  void ApplyCommits(std::span<Request* const> group);
  base::Status ApplyTrim(Revision before_revision);
  // Makes the store read-only and returns the error for those who are refused.
  base::Status RefuseWrites(std::string cause);
  base::Status RecoverNow();
  base::Status RecoverIfDue();

  const std::shared_ptr<Database> database_;
  const base::Clock& clock_;
  // Written by the leader of a group alone.
  std::atomic<Revision> current_revision_;
  std::atomic<Revision> oldest_revision_;
  // Of the leader.
  std::int64_t recovery_pause_ns_ = 0;  // 0: not read-only, as far as the leader knows
  std::int64_t next_recovery_ns_ = 0;   // on clock_
  ListenerSlot listener_;
  GroupQueue<Request> queue_;
};

}  // namespace belay::storage
