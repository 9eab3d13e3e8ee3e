#include "broker/storage/rocksdb/rocks_snapshot.h"

#include "broker/storage/rocksdb/errors.h"
#include "rocksdb/db.h"

namespace belay::storage {

using base::Code;
using base::Status;

base::Result<std::shared_ptr<const RocksSnapshot>> RocksSnapshot::Take(
    std::shared_ptr<Database> database, const Committer& committer) {
  const std::shared_ptr<RocksSnapshot> taken(new RocksSnapshot(std::move(database)));
  if (Status status = taken->Start(committer); !status.ok()) return status;
  return std::shared_ptr<const RocksSnapshot>(taken);
}

Status RocksSnapshot::Start(const Committer& committer) {
  const Database::Use use(*database_);
  if (Status status = use.status(); !status.ok()) return status;
  engine_ = &use.engine();
  database_->AddGuest(this);
  snapshot_ = engine_->db().GetSnapshot();
  // Which revision this is decides where a watch takes over, so it must be exact. Mostly no write is
  // between two steps; else the history tells, in the same snapshot.
  if (const auto known = committer.RevisionAt(snapshot_->GetSequenceNumber())) {
    revision_ = *known;
    return {};
  }
  const auto last = engine_->ReadHistoryEnd(Engine::End::kLast, snapshot_);
  if (!last.ok()) return last.status();
  revision_ = *last;
  return {};
}

RocksSnapshot::~RocksSnapshot() {
  const Database::Use use(*database_);
  if (engine_ == nullptr) return;
  database_->RemoveGuest(this);
  LeaveEngine();
}

void RocksSnapshot::LeaveEngine() {
  if (snapshot_ != nullptr) engine_->db().ReleaseSnapshot(snapshot_);
  snapshot_ = nullptr;
  engine_ = nullptr;
}

Status SnapshotLost() {
  return Status(Code::kUnavailable,
                "the snapshot went when the store recovered from a disk fault; take a new one",
                "SNAPSHOT_LOST");
}

base::Result<std::shared_ptr<const RocksSnapshot>> AsRocksSnapshot(
    const std::shared_ptr<const Snapshot>& snapshot, const Database& database) {
  auto ours = std::dynamic_pointer_cast<const RocksSnapshot>(snapshot);
  if (ours != nullptr && ours->IsOf(database)) return ours;
  return Status(Code::kInvalidArgument, "the snapshot is one of another store");
}

}  // namespace belay::storage
