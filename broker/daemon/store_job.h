// StoreJob: one request of a session to the store, but a scan: what it needs beside its message, and
// what becomes of it.
//
// Thread safety: one thread at a time: the loop's makes it, a worker runs it, the loop's answers.
#pragma once

#include <memory>
#include <string>

#include "belay/v1/session.pb.h"
#include "broker/base/status.h"
#include "broker/daemon/hub.h"
#include "broker/daemon/store_wire.h"
#include "broker/registry/handle.h"

namespace belay::daemon {

// What a request named by handles of its session's table.
struct StoreReferences {
  SnapshotPointer snapshot;  // null: the store as it is now
  // The request's own handles; 0: none.
  registry::Handle callback = 0;    // filters a scan or makes an update's value
  registry::Handle projection = 0;  // of a scan
};

class StoreJob {
 public:
  // Takes over `request`, but for its arena, and `references.callback`.
  StoreJob(Hub& hub, v1::StoreRequest& request, StoreReferences references, std::string caller,
           registry::Handle owner);
  StoreJob(const StoreJob&) = delete;
  StoreJob& operator=(const StoreJob&) = delete;
  ~StoreJob();

  // Whether it must not overtake the session's writes.
  bool FollowsWrites() const;
  // Whether a callback will have to be asked, as far as can be told. Before Run(), or not at all.
  bool AsksCallback();
  // May block.
  void Run();

  std::uint64_t request_id() const { return request_.request_id(); }
  const base::Status& status() const { return status_; }
  // A snapshot that was taken: a handle of the owner's; 0: none.
  registry::Handle snapshot() const { return taken_snapshot_; }
  std::unique_ptr<v1::StoreResponse> TakeResponse() { return std::move(response_); }

 private:
  base::Result<storage::WriteBatch> ReadBatch();
  base::Status Dispatch();
  base::Status TakeSnapshot(v1::SnapshotResponse* response);

  Hub& hub_;
  v1::StoreRequest request_;
  StoreReferences references_;
  const std::string caller_;
  const registry::Handle owner_;
  // Of a put, delete or write, once it was looked at.
  base::Result<storage::WriteBatch> batch_ = storage::WriteBatch();
  bool has_batch_ = false;
  base::Status status_;
  registry::Handle taken_snapshot_ = 0;
  std::unique_ptr<v1::StoreResponse> response_ = std::make_unique<v1::StoreResponse>();
};

}  // namespace belay::daemon
