#include "broker/daemon/store_wire.h"

#include <utility>

#include "belay/v1/storage.pb.h"
#include "broker/daemon/status_wire.h"

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;

namespace {

Result<storage::CommitResult> CommitOne(engine::Broker& broker, storage::Operation operation,
                                        v1::Durability durability) {
  storage::WriteBatch batch;
  batch.durability =
      durability == v1::DURABILITY_ASYNC ? storage::Durability::kAsync : storage::Durability::kSync;
  batch.operations.push_back(std::move(operation));
  return broker.Commit(batch);
}

}  // namespace

Status RunGet(engine::Broker& broker, const v1::GetRequest& request, v1::GetResponse* response) {
  auto record = (*broker.store())->Get(request.key());
  if (!record.ok()) {
    ToWire(record.status(), response->mutable_status());
    return record.status();
  }
  response->set_value(std::move(record->value));
  response->set_create_revision(record->create_revision);
  response->set_mod_revision(record->mod_revision);
  response->set_version(record->version);
  return {};
}

Status RunPut(engine::Broker& broker, const v1::PutRequest& request, v1::PutResponse* response) {
  const auto run = [&]() -> Result<storage::CommitResult> {
    if (request.if_absent() && request.if_revision() != 0) {
      return Status(Code::kInvalidArgument, "if_absent and if_revision exclude each other");
    }
    storage::Operation put;
    put.kind = storage::OperationKind::kPut;
    put.key = request.key();
    put.value = request.value();
    put.if_revision = request.if_revision();
    put.precondition = request.if_absent()          ? storage::Precondition::kAbsent
                       : request.if_revision() != 0 ? storage::Precondition::kRevision
                                                    : storage::Precondition::kNone;
    return CommitOne(broker, std::move(put), request.durability());
  };
  const auto commit = run();
  if (!commit.ok()) {
    ToWire(commit.status(), response->mutable_status());
    return commit.status();
  }
  response->set_revision(commit->revision);
  return {};
}

Status RunDelete(engine::Broker& broker, const v1::DeleteRequest& request,
                 v1::DeleteResponse* response) {
  storage::Operation remove;
  remove.kind = storage::OperationKind::kDelete;
  remove.key = request.key();
  remove.if_revision = request.if_revision();
  remove.precondition =
      request.if_revision() != 0 ? storage::Precondition::kRevision : storage::Precondition::kNone;
  const auto commit = CommitOne(broker, std::move(remove), request.durability());
  Status status;
  if (!commit.ok()) {
    status = commit.status();
  } else if (commit->deleted_count == 0) {
    status = Status(Code::kNotFound, "there is no key " + storage::QuoteKey(request.key()));
  } else {
    response->set_revision(commit->revision);
  }
  if (!status.ok()) ToWire(status, response->mutable_status());
  return status;
}

Result<storage::ScanOptions> ToScanOptions(const v1::ScanRequest& request) {
  storage::ScanOptions options;
  options.start = request.start();
  options.end = request.end();
  if (!request.prefix().empty()) {
    if (!request.start().empty() || !request.end().empty()) {
      return Status(Code::kInvalidArgument, "prefix excludes start and end");
    }
    options.start = request.prefix();
    options.end = storage::PrefixEnd(request.prefix());
  }
  options.reverse = request.reverse();
  options.keys_only = request.keys_only();
  options.limit = request.limit();
  return options;
}

}  // namespace belay::daemon
