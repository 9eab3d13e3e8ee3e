#include "broker/daemon/store_job.h"

#include <utility>

#include "broker/daemon/settle.h"
#include "broker/daemon/upkeep_wire.h"
#include "broker/daemon/write_wire.h"
#include "broker/engine/store_view.h"
#include "broker/registry/registry.h"

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;
using registry::Registry;
using Request = v1::StoreRequest;

StoreJob::StoreJob(Hub& hub, Request& request, StoreReferences references, std::string caller,
                   registry::Handle owner)
    : hub_(hub), references_(std::move(references)), caller_(std::move(caller)), owner_(owner) {
  // Out of the frame's arena, which is about to be reset. The largest requests by far are puts: their
  // strings are moved, not copied.
  std::string key;
  std::string value;
  if (request.has_put()) {
    key.swap(*request.mutable_put()->mutable_key());
    value.swap(*request.mutable_put()->mutable_value());
  }
  request_.CopyFrom(request);
  if (request.has_put()) {
    request_.mutable_put()->set_key(std::move(key));
    request_.mutable_put()->set_value(std::move(value));
  }
}

StoreJob::~StoreJob() {
  if (references_.callback != 0) (void)Registry::Release(references_.callback);
}

bool StoreJob::FollowsWrites() const {
  switch (request_.request_case()) {
    case Request::kPut:
    case Request::kDelete:
    case Request::kWrite:
    case Request::kMerge:
    case Request::kUpdate:
    case Request::kFlush: return true;
    default: return false;
  }
}

Result<storage::WriteBatch> StoreJob::ReadBatch() {
  switch (request_.request_case()) {
    case Request::kPut: return ToBatch(hub_.broker(), request_.put());
    case Request::kDelete: return ToBatch(hub_.broker(), request_.delete_());
    case Request::kWrite: return ToBatch(hub_.broker(), request_.write());
    case Request::kMerge: return ToBatch(hub_.broker(), request_.merge());
    default: return Status(Code::kInternal, "a request that is no batch was read as one");
  }
}

bool StoreJob::AsksCallback() {
  if (request_.has_update()) return true;
  if (request_.has_flush() || !hub_.broker().store().ok()) return false;
  batch_ = ReadBatch();
  has_batch_ = true;
  return batch_.ok() && hub_.broker().AsksCallbacks(*batch_);
}

void StoreJob::Run() {
  const auto store = hub_.broker().store();
  status_ = store.ok() ? Dispatch() : store.status();
  // What may block goes here, not on the loop's thread.
  references_.snapshot.reset();
}

Status StoreJob::Dispatch() {
  engine::Broker& broker = hub_.broker();
  const SnapshotPointer& snapshot = references_.snapshot;
  const bool is_batch =
      request_.has_put() || request_.has_delete_() || request_.has_write() || request_.has_merge();
  if (is_batch && !has_batch_) batch_ = ReadBatch();
  switch (request_.request_case()) {
    case Request::kGet: return RunGet(broker, snapshot, request_.get(), response_->mutable_get());
    case Request::kGetMany:
      return RunGetMany(broker, snapshot, request_.get_many(), hub_.limits().max_frame_bytes,
                        response_->mutable_get_many());
    case Request::kPut: return Commit(broker, batch_, response_->mutable_put());
    case Request::kDelete: return Commit(broker, batch_, response_->mutable_delete_());
    case Request::kWrite: return Commit(broker, batch_, response_->mutable_write());
    case Request::kMerge: return Commit(broker, batch_, response_->mutable_merge());
    case Request::kUpdate:
      return RunUpdate(broker, references_.callback, caller_, request_.update(),
                       response_->mutable_update());
    case Request::kCount:
      return RunCount(broker, snapshot, request_.count(), response_->mutable_count());
    case Request::kEstimate:
      return RunEstimate(broker, request_.estimate(), response_->mutable_estimate());
    case Request::kFlush: return RunFlush(broker, response_->mutable_flush());
    case Request::kSnapshot:
      return Settle(TakeSnapshot(response_->mutable_snapshot()), response_->mutable_snapshot());
    case Request::kCreateKeyspace:
      return RunCreateKeyspace(broker, request_.create_keyspace(),
                               response_->mutable_create_keyspace());
    case Request::kDropKeyspace:
      return RunDropKeyspace(broker, request_.drop_keyspace(), response_->mutable_drop_keyspace());
    case Request::kListKeyspaces:
      return RunListKeyspaces(broker, response_->mutable_list_keyspaces());
    case Request::kScan:
    case Request::REQUEST_NOT_SET: break;
  }
  return Status(Code::kInvalidArgument, "the store request names no operation known here");
}

Status StoreJob::TakeSnapshot(v1::SnapshotResponse* response) {
  engine::Broker& broker = hub_.broker();
  auto taken = (*broker.store())->NewSnapshot();
  if (!taken.ok()) return taken.status();
  response->set_revision((*taken)->revision());
  const auto handle = broker.registry().Insert(
      registry::Ref<registry::Object>::Adopt(new engine::StoreView(
          hub_.shared_broker(), {storage::kDefaultKeyspace, std::move(*taken)}, "all keyspaces")),
      owner_);
  if (!handle.ok()) return handle.status();
  taken_snapshot_ = *handle;
  return {};
}

}  // namespace belay::daemon
