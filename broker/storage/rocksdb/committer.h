// The committer is the store's only writer: it turns batches from many threads into groups, checks
// their preconditions, gives out revisions and writes each group with one RocksDB write. What else
// changes the store (trims, keyspaces, expiry, recovery) takes its turn in the same queue.
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
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "broker/base/clock.h"
#include "broker/base/function_ref.h"
#include "broker/base/status.h"
#include "broker/storage/rocksdb/database.h"
#include "broker/storage/rocksdb/group_queue.h"
#include "broker/storage/rocksdb/header_cache.h"
#include "broker/storage/rocksdb/history_bounds.h"
#include "broker/storage/rocksdb/listener_slot.h"
#include "broker/storage/rocksdb/old_values.h"
#include "broker/storage/store.h"

namespace belay::storage {

class StagedGroup;

class Committer {
 public:
  // REQUIRES: the clock of the database's options outlives the committer.
  Committer(std::shared_ptr<Database> database, const StoreFacts& facts);

  // As in Store.
  base::Result<CommitResult> Commit(const WriteBatch& batch);
  base::Status Flush();
  base::Status TrimHistory(Revision before_revision);
  base::Result<std::int64_t> ExpireDue(std::int64_t now_ms);
  base::Status Recover();
  void SetListener(std::function<void(Revision)> listener) { listener_.Set(std::move(listener)); }
  std::shared_ptr<void> KeepOldValues(KeyspaceId keyspace) { return old_values_->Keep(keyspace); }

  // Runs `change`, which is to write to the engine, when no commit is under way and the disk is not
  // known to have failed.
  base::Status RunAlone(base::FunctionRef<base::Status()> change);

  // Acquire: who reads a revision here also sees its commit in the database.
  Revision current_revision() const noexcept {
    return current_revision_.load(std::memory_order_acquire);
  }
  Revision oldest_revision() const noexcept {
    return oldest_revision_.load(std::memory_order_acquire);
  }
  // The revision of the store as it was at RocksDB's sequence number, if that is where the last group
  // ended.
  std::optional<Revision> RevisionAt(std::uint64_t sequence) const;
  // The history turned out to begin only here.
  void RaiseOldest(Revision revision) noexcept;

 private:
  struct Request {
    const WriteBatch* batch = nullptr;  // null: `change` is to be run instead
    const base::FunctionRef<base::Status()>* change = nullptr;
    base::Status status;  // the outcome; of a batch with `result` if it is OK
    CommitResult result;
  };

  void Apply(std::span<Request* const> group) noexcept;
  void ApplyCommits(std::span<Request* const> group);
  base::Status ApplyTrim(Revision before_revision);
  base::Result<std::int64_t> ApplyExpiry(std::int64_t now_ms);
  // Writes what is staged and publishes it.
  base::Status Write(const Database::Use& use, StagedGroup& staged, Durability durability);
  base::Status RunExclusive(base::FunctionRef<base::Status()> change);
  // Makes the store read-only and returns the error for those who are refused.
  base::Status RefuseWrites(std::string cause);
  base::Status RecoverNow();
  base::Status RecoverIfDue();

  const std::shared_ptr<Database> database_;
  const base::Clock& clock_;
  const std::shared_ptr<OldValues> old_values_ = std::make_shared<OldValues>();
  // Written by the leader of a group, the second also by readers of history.
  std::atomic<Revision> current_revision_;
  std::atomic<Revision> oldest_revision_;
  // Where the last group ended, for snapshots.
  struct Mark {
    std::uint64_t sequence = 0;
    Revision revision = 0;
  };
  mutable std::mutex mark_mutex_;
  Mark mark_;  // guarded by mark_mutex_
  // Of the leader.
  HeaderCache headers_;
  HistoryBounds bounds_;
  std::int64_t recovery_pause_ns_ = 0;  // 0: not read-only, as far as the leader knows
  std::int64_t next_recovery_ns_ = 0;   // on clock_
  ListenerSlot listener_;
  GroupQueue<Request> queue_;
};

}  // namespace belay::storage
