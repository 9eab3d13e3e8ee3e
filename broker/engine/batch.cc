#include "broker/engine/batch.h"

#include <string>
#include <utility>

namespace belay::engine {

using base::Code;
using base::Result;
using base::Status;

namespace {

Status Busy() { return Status(Code::kBusy, "the batch is in use by another thread"); }

}  // namespace

Batch::Batch(registry::Ref<StoreView> view)
    : Object(registry::Kind::kBatch), view_(std::move(view)) {
  batch_.keyspace = view_->keyspace();
}

Status Batch::Add(storage::Operation operation) {
  const ExclusiveUse use(in_use_);
  if (!use) return Busy();
  const std::size_t grown_bytes =
      bytes_ + operation.key.size() + operation.value.size() + operation.range_end.size();
  if (batch_.operations.size() == storage::kMaxBatchOperations ||
      grown_bytes > storage::kMaxBatchBytes) {
    return Status(Code::kInvalidArgument,
                  "the batch is full: max_batch_operations is " +
                      std::to_string(storage::kMaxBatchOperations) + ", max_batch_bytes " +
                      std::to_string(storage::kMaxBatchBytes),
                  "LIMIT_EXCEEDED");
  }
  batch_.operations.push_back(std::move(operation));
  bytes_ = grown_bytes;
  return {};
}

Result<storage::CommitResult> Batch::Commit(storage::Durability durability) {
  const ExclusiveUse use(in_use_);
  if (!use) return Busy();
  batch_.durability = durability;
  auto committed = view_->broker()->Commit(batch_);
  if (committed.ok()) {
    batch_.operations.clear();
    bytes_ = 0;
  }
  return committed;
}

Status Batch::Clear() {
  const ExclusiveUse use(in_use_);
  if (!use) return Busy();
  batch_.operations.clear();
  bytes_ = 0;
  return {};
}

}  // namespace belay::engine
