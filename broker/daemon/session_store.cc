// Store requests of a session: which handles they name is settled here, in order with the session's
// other operations; the rest is the StoreQueue's.
#include <utility>

#include "belay/v1/session.pb.h"
#include "broker/daemon/scan_job.h"
#include "broker/daemon/session.h"
#include "broker/daemon/status_wire.h"
#include "broker/daemon/store_access.h"
#include "broker/daemon/store_job.h"
#include "broker/daemon/store_queue.h"
#include "broker/engine/store_view.h"

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;
using registry::Handle;
using registry::Registry;

namespace {

Status Invalid(std::string text) { return Status(Code::kInvalidArgument, std::move(text)); }

bool MayReadSnapshot(const v1::StoreRequest& request) {
  return request.has_get() || request.has_get_many() || request.has_scan() || request.has_count();
}

}  // namespace

// A handle of its own: the client may release the one it named before the request has its turn.
Result<Handle> Session::RetainNamed(std::uint64_t wire_handle, const std::string& name) {
  if (wire_handle != 0) {
    const auto entry = table_.FindCallback(wire_handle);
    if (!entry.ok()) return entry.status();
    return Registry::Retain((*entry)->handle, owner_, 0);
  }
  auto found = hub_.broker().Resolve(name);
  if (!found.ok()) return found;
  return Registry::Retain(*found, owner_, 0);
}

// The scan's filter or projection; 0 if neither a handle nor a name is given.
Result<Handle> Session::FindScanHook(const char* role, std::uint64_t wire_handle,
                                     const std::string& name) {
  if (wire_handle == 0 && name.empty()) return Handle{0};
  if (wire_handle != 0 && !name.empty()) {
    return Invalid(std::string(role) + "_handle and " + role + "_name exclude each other");
  }
  return RetainNamed(wire_handle, name);
}

Result<Handle> Session::FindStoreCallback(const v1::StoreRequest& request) {
  if (request.filter_handle() != 0 && !request.has_scan())
    return Invalid("filter_handle is for scans only");
  if (request.projection_handle() != 0 && !request.has_scan())
    return Invalid("projection_handle is for scans only");
  if (request.callback_handle() != 0 && !request.has_update())
    return Invalid("callback_handle is for updates only");
  if (request.has_scan())
    return FindScanHook("filter", request.filter_handle(), request.scan().filter_name());
  if (!request.has_update()) return Handle{0};
  const std::string& name = request.update().callback_name();
  if ((request.callback_handle() != 0) == !name.empty())
    return Invalid("an update takes either callback_handle or callback_name");
  return RetainNamed(request.callback_handle(), name);
}

Result<SnapshotPointer> Session::FindSnapshot(const v1::StoreRequest& request) {
  if (request.snapshot_handle() == 0) return SnapshotPointer();
  if (!MayReadSnapshot(request))
    return Invalid("snapshot_handle is for get, get_many, scan and count only");
  const auto entry = table_.Find(request.snapshot_handle(), WireTable::Kind::kSnapshot);
  if (!entry.ok()) return entry.status();
  const auto view = Registry::Find((*entry)->handle, registry::Kind::kStore);
  if (!view.ok()) return view.status();
  return static_cast<const engine::StoreView&>(**view).read().snapshot;
}

void Session::OnStore(v1::StoreRequest& request) {
  const std::uint64_t request_id = request.request_id();
  if (RefuseWhileDraining(request_id)) return;
  if (RefuseUnless(CheckAccess(caller_.permissions, request), request_id)) return;
  if (Status room = store_->CheckRoom(); !room.ok()) return ReplyStatus(request_id, room);
  auto snapshot = FindSnapshot(request);
  if (!snapshot.ok()) return ReplyStatus(request_id, snapshot.status());
  const auto callback = FindStoreCallback(request);
  if (!callback.ok()) return ReplyStatus(request_id, callback.status());
  StoreReferences references{std::move(*snapshot), *callback};
  if (request.has_scan()) {
    const auto projection =
        FindScanHook("projection", request.projection_handle(), request.scan().projection_name());
    if (!projection.ok()) {
      if (*callback != 0) (void)Registry::Release(*callback);
      return ReplyStatus(request_id, projection.status());
    }
    references.projection = *projection;
    auto job = std::make_shared<ScanJob>(store_, request_id, request.scan(), std::move(references),
                                         client_name_);
    return store_->SubmitScan([job = std::move(job)] { job->Open(); });
  }
  const auto job =
      std::make_shared<StoreJob>(hub_, request, std::move(references), client_name_, owner_);
  StoreQueue::Task task;
  if (job->FollowsWrites()) task.asks_callback = [job] { return job->AsksCallback(); };
  task.run = [job]() -> StoreAnswer {
    job->Run();
    return [job](Session& session) { session.OnStoreDone(*job); };
  };
  store_->Submit(std::move(task));
}

void Session::OnStoreDone(StoreJob& job) {
  std::unique_ptr<v1::StoreResponse> response = job.TakeResponse();
  Status status = job.status();
  if (job.snapshot() != 0) {
    const auto number = Hold(job.snapshot(), WireTable::Kind::kSnapshot);
    v1::SnapshotResponse& snapshot = *response->mutable_snapshot();
    if (number.ok()) {
      snapshot.set_handle(*number);
    } else {
      status = number.status();
      snapshot.Clear();
      ToWire(status, snapshot.mutable_status());
    }
  }
  v1::Reply& reply = AddReply(job.request_id(), response->ByteSizeLong());
  if (!status.ok()) ToWire(status, reply.mutable_status());
  // The frame's arena takes it over.
  reply.set_allocated_store(response.release());
}

void Session::SendRows(std::uint64_t request_id, std::string block, Taken taken) {
  v1::Rows& rows = *outbox_.Add(block.size(), std::move(taken)).mutable_rows();
  rows.set_request_id(request_id);
  rows.set_block(std::move(block));
  Flush();
}

void Session::SendScanEnd(std::uint64_t request_id, const Status& status,
                          storage::Revision revision) {
  if (!status.ok()) return ReplyStatus(request_id, status);
  AddReply(request_id).mutable_store()->mutable_scan()->set_revision(revision);
}

void Session::AfterAnswer() {
  if (hub_.draining()) EndIfIdle();
}

}  // namespace belay::daemon
