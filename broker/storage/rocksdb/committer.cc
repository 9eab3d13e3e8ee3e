#include "broker/storage/rocksdb/committer.h"

#include <algorithm>
#include <exception>
#include <new>
#include <string>
#include <utility>

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

std::size_t BatchBytes(const WriteBatch& batch) {
  std::size_t bytes = 0;
  for (const Operation& operation : batch.operations) {
    bytes += operation.key.size() + operation.value.size();
  }
  return bytes;
}

}  // namespace

Committer::Committer(std::shared_ptr<Database> database, const StoreFacts& facts,
                     const base::Clock& clock)
    : database_(std::move(database)),
      clock_(clock),
      current_revision_(facts.revision),
      oldest_revision_(facts.oldest_revision),
      queue_(kMaxGroupBytes, [this](std::span<Request* const> group) { Apply(group); }) {}

base::Result<CommitResult> Committer::Commit(const WriteBatch& batch) {
  if (Status status = ValidateBatch(batch); !status.ok()) return status;
  Request request;
  request.batch = &batch;
  const Revision before = current_revision();
  const bool led = queue_.Run(request, BatchBytes(batch), /*exclusive=*/false);
  // By the leader, once for its group, when its followers are already on their way.
  if (led && current_revision() != before) listener_.Notify(current_revision());
  if (!request.status.ok()) return std::move(request.status);
  return request.result;
}

Status Committer::TrimHistory(Revision before_revision) {
  Request request;
  request.kind = Request::Kind::kTrim;
  request.before_revision = before_revision;
  queue_.Run(request, 0, /*exclusive=*/true);
  return std::move(request.status);
}

Status Committer::Recover() {
  Request request;
  request.kind = Request::Kind::kRecover;
  const Revision before = current_revision();
  queue_.Run(request, 0, /*exclusive=*/true);
  if (current_revision() != before) listener_.Notify(current_revision());
  return std::move(request.status);
}

void Committer::Apply(std::span<Request* const> group) noexcept {
  Request& first = *group.front();
  try {
    switch (first.kind) {
      case Request::Kind::kCommit: ApplyCommits(group); return;
      case Request::Kind::kTrim: first.status = ApplyTrim(first.before_revision); return;
      case Request::Kind::kRecover: first.status = RecoverNow(); return;
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
  StagedGroup staged(use.engine(), current_revision());
  bool sync = false;
  for (Request* request : group) {
    base::Result<CommitResult> result = staged.Stage(*request->batch);
    if (!result.ok()) {
      request->status = result.status();
      continue;
    }
    request->result = *result;
    sync |= request->batch->durability == Durability::kSync;
  }
  if (!staged.has_effect()) return;

  base::Result<rocksdb::WriteBatch*> write = staged.Finish();
  if (!write.ok()) return fail_all(write.status());
  rocksdb::WriteOptions options;
  options.sync = sync;
  if (const rocksdb::Status status = use.engine().db().Write(options, *write); !status.ok()) {
    // Also those that were refused: it may have been for what a batch of this group would have
    // done. The group's revisions are not taken, unless the log turns out to have kept the group:
    // then Recover() finds it there.
    return fail_all(RefuseWrites(DescribeFault(status)));
  }
  // Release: pairs with current_revision().
  current_revision_.store(staged.revision(), std::memory_order_release);
}

Status Committer::ApplyTrim(Revision before_revision) {
  if (Status status = RecoverIfDue(); !status.ok()) return status;
  const Revision oldest = oldest_revision();
  const Revision new_oldest = std::min(before_revision, current_revision() + 1);
  if (new_oldest <= oldest) return Status();
  const Database::Use use(*database_);
  if (Status unreadable = use.status(); !unreadable.ok()) return unreadable;
  Engine& engine = use.engine();
  rocksdb::WriteBatch batch;
  rocksdb::Status status =
      batch.DeleteRange(engine.history_family(), HistoryKey(oldest), HistoryKey(new_oldest));
  if (status.ok()) status = batch.Put(engine.facts_family(), kOldestKey, EncodeNumber(new_oldest));
  rocksdb::WriteOptions options;
  options.sync = true;
  if (status.ok()) status = engine.db().Write(options, &batch);
  if (!status.ok()) {
    return RefuseWrites(DescribeFault(status));
  }
  oldest_revision_.store(new_oldest, std::memory_order_release);
  return Status();
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
  oldest_revision_.store(facts->oldest_revision, std::memory_order_release);
  return Status();
}

}  // namespace belay::storage
