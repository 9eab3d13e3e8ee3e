// The store: writes of one key, and of a range.
#include "capi/src/write_arguments.h"

using belay::base::Code;
using belay::base::Result;
using belay::base::Status;
using belay::engine::StoreView;
using namespace belay::capi;
namespace storage = belay::storage;
using storage::Operation;
using storage::OperationKind;

namespace {

// Commits the one operation.
Result<storage::CommitResult> CommitOne(StoreView& view, Result<Operation> operation,
                                        const belay_write_options* options, std::uint32_t allowed) {
  if (!operation.ok()) return operation.status();
  storage::WriteBatch batch;
  batch.keyspace = view.keyspace();
  Status status =
      ReadWriteOptions(options, allowed, view.broker()->clock(), &*operation, &batch.durability);
  if (!status.ok()) return status;
  batch.operations.push_back(std::move(*operation));
  return view.broker()->Commit(batch);
}

}  // namespace

extern "C" {

belay_status belay_store_put(belay_handle store, const void* key, uint64_t key_size,
                             const void* value, uint64_t value_size,
                             const belay_write_options* options, uint64_t* revision) {
  return With(FindWritable, store, [&](StoreView& view) {
    auto committed =
        CommitOne(view, ReadOperation(OperationKind::kPut, key, key_size, value, value_size),
                  options, kConditions | BELAY_WRITE_ASYNC);
    if (!committed.ok()) return Fail(committed.status());
    if (revision != nullptr) *revision = committed->revision;
    return BELAY_OK;
  });
}

belay_status belay_store_delete(belay_handle store, const void* key, uint64_t key_size,
                                const belay_write_options* options, uint64_t* revision) {
  return With(FindWritable, store, [&](StoreView& view) {
    auto committed =
        CommitOne(view, ReadOperation(OperationKind::kDelete, key, key_size, nullptr, 0), options,
                  kConditions | BELAY_WRITE_ASYNC);
    if (!committed.ok()) return Fail(committed.status());
    if (committed->deleted_count == 0) {
      return Fail(Code::kNotFound,
                  "no key " + storage::QuoteKey({static_cast<const char*>(key),
                                                 static_cast<std::size_t>(key_size)}));
    }
    if (revision != nullptr) *revision = committed->revision;
    return BELAY_OK;
  });
}

belay_status belay_store_merge(belay_handle store, const void* key, uint64_t key_size,
                               const char* operator_name, const void* operand,
                               uint64_t operand_size, const belay_write_options* options,
                               uint64_t* revision) {
  return With(FindWritable, store, [&](StoreView& view) {
    auto committed =
        CommitOne(view, ReadMergeOperation(key, key_size, operator_name, operand, operand_size),
                  options, BELAY_WRITE_ASYNC);
    if (!committed.ok()) return Fail(committed.status());
    if (revision != nullptr) *revision = committed->revision;
    return BELAY_OK;
  });
}

belay_status belay_store_delete_range(belay_handle store, const void* start, uint64_t start_size,
                                      const void* end, uint64_t end_size,
                                      const belay_write_options* options, uint64_t* count,
                                      uint64_t* revision) {
  return With(FindWritable, store, [&](StoreView& view) {
    auto committed = CommitOne(view, ReadRangeOperation(start, start_size, end, end_size), options,
                               BELAY_WRITE_ASYNC);
    if (!committed.ok()) return Fail(committed.status());
    if (count != nullptr) *count = committed->deleted_count;
    if (revision != nullptr) *revision = committed->revision;
    return BELAY_OK;
  });
}

belay_status belay_store_flush(belay_handle store) {
  return With(FindView, store, [](StoreView& view) { return Done(view.store().Flush()); });
}
}
