#include "broker/storage/rocksdb/committer.h"

#include <algorithm>
#include <exception>
#include <map>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "broker/storage/rocksdb/errors.h"
#include "broker/storage/rocksdb/format.h"
#include "broker/storage/rocksdb/staged_group.h"
#include "rocksdb/db.h"

namespace belay::storage {
namespace {

using base::Code;
using base::Status;

// Beyond this a group gains nothing, and its followers wait for bytes that are not theirs.
constexpr std::size_t kMaxGroupBytes = std::size_t{4} << 20;
// An attempt to recover is costly, above all one that fails: writers do not repeat it at will. The
// pause doubles from failure to failure.
constexpr std::int64_t kMinRecoveryPauseNs = 1'000'000'000;
constexpr std::int64_t kMaxRecoveryPauseNs = 30'000'000'000;
// Of one turn of expiry, so that writers do not wait long for it.
constexpr std::size_t kMaxExpiredKeys = 256;

bool HasRange(const WriteBatch& batch) {
  return std::any_of(batch.operations.begin(), batch.operations.end(), [](const auto& operation) {
    return operation.kind == OperationKind::kDeleteRange;
  });
}

}  // namespace

Committer::Committer(std::shared_ptr<Database> database, const StoreFacts& facts)
    : database_(std::move(database)),
      clock_(*database_->options().clock),
      current_revision_(facts.revision),
      oldest_revision_(facts.oldest_revision),
      headers_(database_->options().tuning.header_cache_bytes),
      bounds_(database_->options().tuning.history_revisions,
              database_->options().tuning.history_age_ns),
      queue_(kMaxGroupBytes, [this](std::span<Request* const> group) { Apply(group); }) {
  RaiseOldest(bounds_.Oldest(facts.revision, clock_.MonotonicNs()));
}

base::Result<CommitResult> Committer::Commit(const WriteBatch& batch) {
  if (Status status = ValidateBatch(batch); !status.ok()) return status;
  Request request;
  request.batch = &batch;
  const Revision before = current_revision();
  const bool led = queue_.Run(request, BatchBytes(batch),
                              HasRange(batch) ? QueuedAs::kExclusive : QueuedAs::kGrouped);
  // By the leader, once for its group, when its followers are already on their way.
  if (led && current_revision() != before) listener_.Notify(current_revision());
  if (!request.status.ok()) return std::move(request.status);
  return request.result;
}

Status Committer::RunExclusive(base::FunctionRef<Status()> change) {
  Request request;
  request.change = &change;
  const Revision before = current_revision();
  queue_.Run(request, 0, QueuedAs::kExclusive);
  if (current_revision() != before) listener_.Notify(current_revision());
  return std::move(request.status);
}

Status Committer::RunAlone(base::FunctionRef<Status()> change) {
  return RunExclusive([&] {
    Status status = RecoverIfDue();
    return status.ok() ? change() : status;
  });
}

Status Committer::Flush() {
  return RunAlone([&] {
    const Database::Use use(*database_);
    if (Status status = use.status(); !status.ok()) return status;
    const rocksdb::Status status = use.engine().db().SyncWAL();
    return status.ok() ? Status() : RefuseWrites(DescribeFault(status));
  });
}

Status Committer::TrimHistory(Revision before_revision) {
  return RunAlone([&] { return ApplyTrim(before_revision); });
}

base::Result<std::int64_t> Committer::ExpireDue(std::int64_t now_ms) {
  std::int64_t next_ms = 0;
  Status status = RunAlone([&] {
    auto next = ApplyExpiry(now_ms);
    if (next.ok()) next_ms = *next;
    return next.status();
  });
  if (!status.ok()) return status;
  return next_ms;
}

Status Committer::Recover() {
  return RunExclusive([&] { return RecoverNow(); });
}

std::optional<Revision> Committer::RevisionAt(std::uint64_t sequence) const {
  const std::lock_guard lock(mark_mutex_);
  if (mark_.sequence != sequence) return std::nullopt;
  return mark_.revision;
}

void Committer::RaiseOldest(Revision revision) noexcept {
  Revision seen = oldest_revision();
  while (seen < revision && !oldest_revision_.compare_exchange_weak(seen, revision)) {
  }
}

void Committer::Apply(std::span<Request* const> group) noexcept {
  Request& first = *group.front();
  try {
    if (first.batch != nullptr) {
      ApplyCommits(group);
    } else {
      first.status = (*first.change)();
    }
  } catch (const std::exception& error) {
    // Only what comes before the write throws, so nothing has happened. No text that needs memory.
    const bool no_memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
    for (Request* request : group) {
      request->status = Status(no_memory ? Code::kResourceExhausted : Code::kInternal,
                               no_memory ? "out of memory" : "internal error");
    }
  }
}

void Committer::ApplyCommits(std::span<Request* const> group) {
  const auto fail_all = [&](const Status& status) {
    for (Request* request : group) request->status = status;
  };
  if (Status status = RecoverIfDue(); !status.ok()) return fail_all(status);

  const Database::Use use(*database_);
  if (Status status = use.status(); !status.ok()) return fail_all(status);
  StagedGroup staged(use.engine(), headers_, *old_values_, current_revision());
  Durability durability = Durability::kAsync;
  for (Request* request : group) {
    base::Result<CommitResult> result = staged.Stage(*request->batch);
    if (!result.ok()) {
      request->status = result.status();
      continue;
    }
    request->result = *result;
    if (request->batch->durability == Durability::kSync) durability = Durability::kSync;
  }
  if (!staged.has_effect()) return;
  // If it fails: also those that were refused, for it may have been for what a batch of this group
  // would have done. The group's revisions are not taken, unless the log turns out to have kept the
  // group: then Recover() finds it there.
  if (Status status = Write(use, staged, durability); !status.ok()) fail_all(status);
}

Status Committer::Write(const Database::Use& use, StagedGroup& staged, Durability durability) {
  base::Result<rocksdb::WriteBatch*> write = staged.Finish();
  if (!write.ok()) return write.status();
  rocksdb::WriteOptions options;
  options.sync = durability == Durability::kSync;
  if (const rocksdb::Status status = use.engine().db().Write(options, *write); !status.ok()) {
    return RefuseWrites(DescribeFault(status));
  }
  staged.NoteIn(headers_);
  {
    // The leader is the only one who writes, so this is where its own write ended.
    const std::lock_guard lock(mark_mutex_);
    mark_ = {use.engine().db().GetLatestSequenceNumber(), staged.revision()};
  }
  // Release: pairs with current_revision().
  current_revision_.store(staged.revision(), std::memory_order_release);
  RaiseOldest(bounds_.Oldest(staged.revision(), clock_.MonotonicNs()));
  return {};
}

Status Committer::ApplyTrim(Revision before_revision) {
  const Revision oldest = oldest_revision();
  const Revision current = current_revision();
  const Revision new_oldest = std::min(before_revision, current + 1);
  if (new_oldest <= oldest) return {};
  const Database::Use use(*database_);
  if (Status unreadable = use.status(); !unreadable.ok()) return unreadable;
  // Said, not done: the files go when the history outgrows its bound. Tombstones would free nothing
  // before, as these files are not compacted; and a range of them is more than RocksDB 7.8 can insert
  // with the hint that this family has (it takes the hint for another list, and asserts).
  rocksdb::WriteOptions options;
  options.sync = true;
  const rocksdb::Status status = use.engine().db().Put(options, use.engine().facts_family(),
                                                       kOldestKey, EncodeNumber(new_oldest));
  if (!status.ok()) return RefuseWrites(DescribeFault(status));
  RaiseOldest(new_oldest);
  return {};
}

base::Result<std::int64_t> Committer::ApplyExpiry(std::int64_t now_ms) {
  const Database::Use use(*database_);
  if (Status status = use.status(); !status.ok()) return status;
  std::map<KeyspaceId, std::vector<DueKey>> due;
  std::size_t due_count = 0;
  std::int64_t next_ms = 0;
  {
    const std::unique_ptr<rocksdb::Iterator> iterator(
        use.engine().db().NewIterator(rocksdb::ReadOptions(), use.engine().expiry_family()));
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
      const auto entry = DecodeExpiryKey(ToView(iterator->key()));
      const auto revision = DecodeNumber(ToView(iterator->value()));
      if (!entry || !revision) return Corrupt("an entry of the keys that expire is malformed");
      if (entry->at_ms > now_ms || due_count == kMaxExpiredKeys) {
        next_ms = entry->at_ms;
        break;
      }
      due[entry->keyspace].push_back({std::string(entry->key), *revision, entry->at_ms});
      ++due_count;
    }
    if (!iterator->status().ok()) return FromRocks(iterator->status(), "reading what expires");
  }
  if (due.empty()) return next_ms;
  StagedGroup staged(use.engine(), headers_, *old_values_, current_revision());
  for (const auto& [keyspace, keys] : due) {
    if (Status status = staged.StageExpiry(keyspace, keys); !status.ok()) return status;
  }
  if (Status status = Write(use, staged, Durability::kSync); !status.ok()) return status;
  return next_ms;
}

Status Committer::RefuseWrites(std::string cause) {
  database_->faults().Report(std::move(cause));
  recovery_pause_ns_ = std::clamp(recovery_pause_ns_ * 2, kMinRecoveryPauseNs, kMaxRecoveryPauseNs);
  next_recovery_ns_ = clock_.MonotonicNs() + recovery_pause_ns_;
  return database_->faults().ToStatus();
}

Status Committer::RecoverIfDue() {
  if (!database_->faults().read_only()) return Status();
  // A background thread has just seen the fault: the disk is hardly better yet.
  if (recovery_pause_ns_ == 0) return RefuseWrites(database_->faults().cause());
  if (clock_.MonotonicNs() < next_recovery_ns_) return database_->faults().ToStatus();
  return RecoverNow();
}

Status Committer::RecoverNow() {
  if (!database_->faults().read_only()) return Status();
  headers_.Clear();
  const base::Result<StoreFacts> facts = database_->Recover();
  if (!facts.ok()) return RefuseWrites(facts.status().message());
  if (facts->revision < current_revision()) {
    // Async commits that readers and watchers have seen. To give their revisions out again would
    // be worse than to stop: a restart shows everyone, by the boot epoch, that the clock went back.
    return RefuseWrites("revisions " + std::to_string(facts->revision + 1) + " to " +
                        std::to_string(current_revision()) +
                        ", written without sync, are lost: restart to go on without them");
  }
  recovery_pause_ns_ = 0;
  // Further than before if the log has kept batches that were refused: they are commits now.
  current_revision_.store(facts->revision, std::memory_order_release);
  RaiseOldest(facts->oldest_revision);
  return Status();
}

}  // namespace belay::storage
