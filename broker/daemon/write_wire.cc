#include "broker/daemon/write_wire.h"

#include <utility>

#include "belay/v1/storage.pb.h"
#include "broker/daemon/settle.h"
#include "broker/daemon/store_wire.h"
#include "broker/engine/update.h"

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;
using storage::Operation;
using storage::OperationKind;
using storage::Precondition;

namespace {

constexpr std::uint64_t kMaxTtlMs = std::uint64_t{1} << 53U;

Status Invalid(std::string text) { return Status(Code::kInvalidArgument, std::move(text)); }

storage::Durability ToDurability(v1::Durability durability) {
  return durability == v1::DURABILITY_ASYNC ? storage::Durability::kAsync
                                            : storage::Durability::kSync;
}

// Deletes have no if_absent.
template <typename Message>
bool IfAbsent(const Message& message) {
  if constexpr (requires { message.if_absent(); }) return message.if_absent();
  return false;
}

// Of whatever names a key: key and conditions.
template <typename Message>
Status ReadKey(const Message& message, Operation* operation) {
  operation->key = message.key();
  const bool if_revision = message.if_revision() != 0;
  if (int{IfAbsent(message)} + int{if_revision} + int{message.has_if_value()} > 1) {
    return Invalid("if_absent, if_revision and if_value exclude each other, and key " +
                   storage::QuoteKey(message.key()) + " has several of them");
  }
  if (IfAbsent(message)) {
    operation->precondition = Precondition::kAbsent;
  } else if (if_revision) {
    operation->precondition = Precondition::kRevision;
    operation->if_revision = message.if_revision();
  } else if (message.has_if_value()) {
    operation->precondition = Precondition::kValue;
    operation->if_value = message.if_value();
  }
  return {};
}

Status ReadTtl(std::uint64_t ttl_ms, const base::Clock& clock, Operation* operation) {
  if (ttl_ms > kMaxTtlMs) {
    return Invalid("ttl_ms is " + std::to_string(ttl_ms) + ", at most " +
                   std::to_string(kMaxTtlMs) + " is allowed; 0 is never");
  }
  if (ttl_ms != 0)
    operation->expires_at_ms = clock.WallNs() / 1'000'000 + static_cast<std::int64_t>(ttl_ms);
  return {};
}

template <typename Message>
Status ReadPut(const Message& message, const base::Clock& clock, Operation* operation) {
  operation->kind = OperationKind::kPut;
  operation->value = message.value();
  Status status = ReadTtl(message.ttl_ms(), clock, operation);
  return status.ok() ? ReadKey(message, operation) : status;
}

template <typename Message>
Status ReadMerge(const Message& message, const base::Clock& clock, Operation* operation) {
  operation->kind = OperationKind::kMerge;
  operation->key = message.key();
  operation->value = message.operand();
  operation->merge_operator = message.operator_name();
  return ReadTtl(message.ttl_ms(), clock, operation);
}

template <typename Message>
Status ReadDelete(const Message& message, Operation* operation) {
  operation->kind = OperationKind::kDelete;
  return ReadKey(message, operation);
}

Status ReadDeleteRange(const v1::KeyRange& wire, Operation* operation) {
  auto range = ToRange(wire);
  if (!range.ok()) return range.status();
  operation->kind = OperationKind::kDeleteRange;
  operation->key = std::move(range->start);
  operation->range_end = std::move(range->end);
  return {};
}

Status ReadCheck(const v1::CheckOperation& check, Operation* operation) {
  operation->kind = OperationKind::kCheck;
  if (Status status = ReadKey(check, operation); !status.ok()) return status;
  if (operation->precondition != Precondition::kNone) return {};
  return Invalid("the check of key " + storage::QuoteKey(check.key()) + " sets no condition");
}

Status ReadOperation(const v1::WriteOperation& wire, const base::Clock& clock,
                     Operation* operation) {
  switch (wire.operation_case()) {
    case v1::WriteOperation::kPut: return ReadPut(wire.put(), clock, operation);
    case v1::WriteOperation::kDelete: return ReadDelete(wire.delete_(), operation);
    case v1::WriteOperation::kDeleteRange: return ReadDeleteRange(wire.delete_range(), operation);
    case v1::WriteOperation::kCheck: return ReadCheck(wire.check(), operation);
    case v1::WriteOperation::kMerge: return ReadMerge(wire.merge(), clock, operation);
    case v1::WriteOperation::OPERATION_NOT_SET: break;
  }
  return Invalid("an operation of the batch names nothing to do that is known here");
}

// A batch without operations, for the keyspace and with the durability that the request names.
template <typename Request>
Result<storage::WriteBatch> NewBatch(engine::Broker& broker, const Request& request) {
  const auto keyspace = FindKeyspace(broker, request.keyspace());
  if (!keyspace.ok()) return keyspace.status();
  storage::WriteBatch batch;
  batch.keyspace = *keyspace;
  batch.durability = ToDurability(request.durability());
  return batch;
}

template <typename Response>
Status CommitForRevision(engine::Broker& broker, const Result<storage::WriteBatch>& batch,
                         Response* response) {
  if (!batch.ok()) return Settle(batch.status(), response);
  const auto commit = broker.Commit(*batch);
  if (commit.ok()) response->set_revision(commit->revision);
  return Settle(commit.status(), response);
}

}  // namespace

Result<storage::WriteBatch> ToBatch(engine::Broker& broker, const v1::PutRequest& request) {
  auto batch = NewBatch(broker, request);
  if (!batch.ok()) return batch;
  Status status = ReadPut(request, broker.clock(), &batch->operations.emplace_back());
  if (!status.ok()) return status;
  return batch;
}

Result<storage::WriteBatch> ToBatch(engine::Broker& broker, const v1::DeleteRequest& request) {
  auto batch = NewBatch(broker, request);
  if (!batch.ok()) return batch;
  Status status = ReadDelete(request, &batch->operations.emplace_back());
  if (!status.ok()) return status;
  return batch;
}

Result<storage::WriteBatch> ToBatch(engine::Broker& broker, const v1::WriteRequest& request) {
  auto batch = NewBatch(broker, request);
  if (!batch.ok()) return batch;
  for (const v1::WriteOperation& wire : request.operations()) {
    Status status = ReadOperation(wire, broker.clock(), &batch->operations.emplace_back());
    if (!status.ok()) return status;
  }
  return batch;
}

Result<storage::WriteBatch> ToBatch(engine::Broker& broker, const v1::MergeRequest& request) {
  auto batch = NewBatch(broker, request);
  if (!batch.ok()) return batch;
  Status status = ReadMerge(request, broker.clock(), &batch->operations.emplace_back());
  if (!status.ok()) return status;
  return batch;
}

Status Commit(engine::Broker& broker, const Result<storage::WriteBatch>& batch,
              v1::PutResponse* response) {
  return CommitForRevision(broker, batch, response);
}

Status Commit(engine::Broker& broker, const Result<storage::WriteBatch>& batch,
              v1::MergeResponse* response) {
  return CommitForRevision(broker, batch, response);
}

Status Commit(engine::Broker& broker, const Result<storage::WriteBatch>& batch,
              v1::DeleteResponse* response) {
  if (!batch.ok()) return Settle(batch.status(), response);
  const auto commit = broker.Commit(*batch);
  if (!commit.ok()) return Settle(commit.status(), response);
  if (commit->deleted_count == 0) {
    const std::string key = storage::QuoteKey(batch->operations.front().key);
    return Settle(Status(Code::kNotFound, "there is no key " + key), response);
  }
  response->set_revision(commit->revision);
  return {};
}

Status Commit(engine::Broker& broker, const Result<storage::WriteBatch>& batch,
              v1::WriteResponse* response) {
  if (!batch.ok()) return Settle(batch.status(), response);
  const auto commit = broker.Commit(*batch);
  if (!commit.ok()) return Settle(commit.status(), response);
  response->set_revision(commit->revision);
  response->set_deleted_count(commit->deleted_count);
  return {};
}

Status RunUpdate(engine::Broker& broker, registry::Handle callback, const std::string& caller,
                 const v1::UpdateRequest& request, v1::UpdateResponse* response) {
  const auto run = [&]() -> Status {
    if (Status status = storage::ValidateKey(request.key()); !status.ok()) return status;
    const auto keyspace = FindKeyspace(broker, request.keyspace());
    if (!keyspace.ok()) return keyspace.status();
    engine::UpdateOptions options;
    options.keyspace = *keyspace;
    options.callback = callback;
    if (request.timeout_ms() != 0) {
      options.timeout_ns = std::int64_t{request.timeout_ms()} * 1'000'000;
    }
    options.durability = ToDurability(request.durability());
    options.caller = caller;
    const auto commit = engine::Update(broker, request.key(), options);
    if (commit.ok()) response->set_revision(commit->revision);
    return commit.status();
  };
  return Settle(run(), response);
}

}  // namespace belay::daemon
