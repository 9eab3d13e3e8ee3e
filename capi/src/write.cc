// The store: writes and batches.
#include "broker/engine/batch.h"
#include "capi/src/store_border.h"

using belay::base::Clock;
using belay::base::Code;
using belay::base::Result;
using belay::base::Status;
using belay::engine::Batch;
using belay::engine::StoreView;
using belay::registry::Kind;
using belay::registry::Object;
using belay::registry::Ref;
using belay::registry::Registry;
using namespace belay::capi;
namespace storage = belay::storage;
using storage::Operation;
using storage::OperationKind;

namespace {

constexpr std::uint32_t kConditions =
    BELAY_WRITE_IF_ABSENT | BELAY_WRITE_IF_REVISION | BELAY_WRITE_IF_VALUE;

Status Invalid(std::string text) { return Status(Code::kInvalidArgument, std::move(text)); }

Status ReadConditions(const belay_write_options& given, Operation* operation) {
  switch (given.flags & kConditions) {
    case 0: return {};
    case BELAY_WRITE_IF_ABSENT: operation->precondition = storage::Precondition::kAbsent; return {};
    case BELAY_WRITE_IF_REVISION:
      operation->precondition = storage::Precondition::kRevision;
      operation->if_revision = given.if_revision;
      return {};
    case BELAY_WRITE_IF_VALUE: {
      std::string_view value;
      if (!View(given.if_value, given.if_value_size, &value) ||
          value.size() > storage::kMaxValueBytes)
        return Invalid("options->if_value is null with a size, or too large");
      operation->precondition = storage::Precondition::kValue;
      operation->if_value = value;
      return {};
    }
    default: return Invalid("IF_ABSENT, IF_REVISION and IF_VALUE exclude each other");
  }
}

Status ReadTtl(std::uint64_t ttl_ms, const Clock& clock, Operation* operation) {
  constexpr std::uint64_t kMostMs = std::uint64_t{1} << 53U;
  if (ttl_ms == 0) return {};
  if (operation->kind != OperationKind::kPut) return Invalid("options->ttl_ms is for puts only");
  if (ttl_ms > kMostMs) return Invalid("options->ttl_ms is too large; 0 is never");
  operation->expires_at_ms = clock.WallNs() / 1'000'000 + static_cast<std::int64_t>(ttl_ms);
  return {};
}

// An operation on one key, from the ABI's arguments.
Result<Operation> ReadOperation(OperationKind kind, const void* key, std::uint64_t key_size,
                                const void* value, std::uint64_t value_size) {
  std::string_view key_bytes;
  std::string_view value_bytes;
  if (Status status = ReadKeyArgument(key, key_size, &key_bytes); !status.ok()) return status;
  if (!View(value, value_size, &value_bytes))
    return Invalid("value is null with a size, or value_size is too large");
  // Checked before the copy: a huge size is refused, not allocated.
  if (value_bytes.size() > storage::kMaxValueBytes) {
    return Status(Code::kInvalidArgument,
                  "value_size is " + std::to_string(value_size) +
                      ", the bound max_value_bytes is " + std::to_string(storage::kMaxValueBytes),
                  "LIMIT_EXCEEDED");
  }
  Operation operation;
  operation.kind = kind;
  operation.key = key_bytes;
  operation.value = value_bytes;
  return operation;
}

Result<Operation> ReadRangeOperation(const void* start, std::uint64_t start_size, const void* end,
                                     std::uint64_t end_size) {
  RangeArgument range;
  Status status = ReadRangeArgument(start, start_size, end, end_size, &range);
  if (!status.ok()) return status;
  Operation operation;
  operation.kind = OperationKind::kDeleteRange;
  operation.key = range.start;
  operation.range_end = range.end;
  return operation;
}

// INVALID_ARGUMENT for flags other than `allowed`.
Status ReadWriteOptions(const belay_write_options* options, std::uint32_t allowed,
                        const Clock& clock, Operation* operation, storage::Durability* durability) {
  if (options == nullptr) return {};
  belay_write_options given{};
  if (!Load(options, offsetof(belay_write_options, if_revision), &given))
    return Invalid("options->struct_size is too small");
  if ((given.flags & ~(kConditions | BELAY_WRITE_ASYNC)) != 0)
    return Invalid("options->flags has unknown bits");
  if ((given.flags & ~allowed) != 0) {
    return Invalid((given.flags & ~allowed & BELAY_WRITE_ASYNC) != 0
                       ? "BELAY_WRITE_ASYNC belongs to the commit of a batch"
                       : "a condition is of no use here");
  }
  if ((given.flags & BELAY_WRITE_ASYNC) != 0) *durability = storage::Durability::kAsync;
  if (Status status = ReadConditions(given, operation); !status.ok()) return status;
  return ReadTtl(given.ttl_ms, clock, operation);
}

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

belay_status Add(belay_handle batch, Result<Operation> operation,
                 const belay_write_options* options) {
  auto found = Registry::Find(batch, Kind::kBatch);
  if (!found.ok()) return Fail(found.status());
  if (!operation.ok()) return Fail(operation.status());
  storage::Durability unused{};
  const std::uint32_t allowed = operation->kind == OperationKind::kDeleteRange ? 0 : kConditions;
  auto& object = static_cast<Batch&>(**found);
  Status status = ReadWriteOptions(options, allowed, object.clock(), &*operation, &unused);
  if (!status.ok()) return Fail(status);
  return Done(object.Add(std::move(*operation)));
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
    return Add(batch, ReadOperation(OperationKind::kPut, key, key_size, value, value_size),
               options);
  });
}

belay_status belay_batch_delete(belay_handle batch, const void* key, uint64_t key_size,
                                const belay_write_options* options) {
  return Guarded([&] {
    return Add(batch, ReadOperation(OperationKind::kDelete, key, key_size, nullptr, 0), options);
  });
}

belay_status belay_batch_delete_range(belay_handle batch, const void* start, uint64_t start_size,
                                      const void* end, uint64_t end_size) {
  return Guarded(
      [&] { return Add(batch, ReadRangeOperation(start, start_size, end, end_size), nullptr); });
}

belay_status belay_batch_check(belay_handle batch, const void* key, uint64_t key_size,
                               const belay_write_options* options) {
  return Guarded([&] {
    return Add(batch, ReadOperation(OperationKind::kCheck, key, key_size, nullptr, 0), options);
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
      status = Invalid("options->ttl_ms belongs to the puts of the batch");
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
