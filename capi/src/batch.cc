// The store: batches.
#include "broker/engine/batch.h"

#include "capi/src/write_arguments.h"

using belay::base::Code;
using belay::base::Result;
using belay::base::Status;
using belay::engine::Batch;
using belay::registry::Kind;
using belay::registry::Object;
using belay::registry::Ref;
using belay::registry::Registry;
using namespace belay::capi;
namespace storage = belay::storage;
using storage::Operation;
using storage::OperationKind;

namespace {

belay_status Add(belay_handle batch, Result<Operation> operation,
                 const belay_write_options* options, std::uint32_t allowed) {
  auto found = Registry::Find(batch, Kind::kBatch);
  if (!found.ok()) return Fail(found.status());
  if (!operation.ok()) return Fail(operation.status());
  storage::Durability unused{};
  auto& object = static_cast<Batch&>(**found);
  Status status = ReadWriteOptions(options, allowed, object.clock(), &*operation, &unused);
  if (!status.ok()) return Fail(status);
  return Done(object.Add(std::move(*operation)));
}

}  // namespace

extern "C" {

belay_status belay_batch_open(belay_handle store, belay_handle* batch) {
  return Guarded([&] {
    if (batch == nullptr) return InvalidArgument("batch is null");
    auto view = FindWritable(store);
    if (!view.ok()) return Fail(view.status());
    auto& registry = (*view)->broker()->registry();
    return HandOut(registry.Insert(Ref<Object>::Adopt(new Batch(std::move(*view)))), batch);
  });
}

belay_status belay_batch_put(belay_handle batch, const void* key, uint64_t key_size,
                             const void* value, uint64_t value_size,
                             const belay_write_options* options) {
  return Guarded([&] {
    return Add(batch, ReadOperation(OperationKind::kPut, key, key_size, value, value_size), options,
               kConditions);
  });
}

belay_status belay_batch_delete(belay_handle batch, const void* key, uint64_t key_size,
                                const belay_write_options* options) {
  return Guarded([&] {
    return Add(batch, ReadOperation(OperationKind::kDelete, key, key_size, nullptr, 0), options,
               kConditions);
  });
}

belay_status belay_batch_delete_range(belay_handle batch, const void* start, uint64_t start_size,
                                      const void* end, uint64_t end_size) {
  return Guarded(
      [&] { return Add(batch, ReadRangeOperation(start, start_size, end, end_size), nullptr, 0); });
}

belay_status belay_batch_check(belay_handle batch, const void* key, uint64_t key_size,
                               const belay_write_options* options) {
  return Guarded([&] {
    return Add(batch, ReadOperation(OperationKind::kCheck, key, key_size, nullptr, 0), options,
               kConditions);
  });
}

belay_status belay_batch_merge(belay_handle batch, const void* key, uint64_t key_size,
                               const char* operator_name, const void* operand,
                               uint64_t operand_size, const belay_write_options* options) {
  return Guarded([&] {
    return Add(batch, ReadMergeOperation(key, key_size, operator_name, operand, operand_size),
               options, 0);
  });
}

belay_status belay_batch_commit(belay_handle batch, const belay_write_options* options,
                                uint64_t* revision) {
  return Guarded([&] {
    auto found = Registry::Find(batch, Kind::kBatch);
    if (!found.ok()) return Fail(found.status());
    Operation none;
    storage::Durability durability{};
    auto& object = static_cast<Batch&>(**found);
    Status status =
        ReadWriteOptions(options, BELAY_WRITE_ASYNC, object.clock(), &none, &durability);
    if (status.ok() && none.expires_at_ms != 0)
      status = Status(Code::kInvalidArgument, "options->ttl_ms belongs to the puts of the batch");
    if (!status.ok()) return Fail(status);
    auto committed = object.Commit(durability);
    if (!committed.ok()) return Fail(committed.status());
    if (revision != nullptr) *revision = committed->revision;
    return BELAY_OK;
  });
}

belay_status belay_batch_clear(belay_handle batch) {
  return Guarded([&] {
    auto found = Registry::Find(batch, Kind::kBatch);
    if (!found.ok()) return Fail(found.status());
    return Done(static_cast<Batch&>(**found).Clear());
  });
}
}
