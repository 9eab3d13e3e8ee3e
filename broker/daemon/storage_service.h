// The gRPC service belay.v1.Storage, for clients without a session.
//
// Synchronous, on gRPC's own bounded threads and not on the loop: every method waits for the disk, or,
// in a scan with a filter, for a host, and a stream of rows is held up by its reader, which a blocking
// write does by itself.
//
// Those threads are the admin door's as well: of them the store may occupy kMaxStoreCalls at a time, and one
// request more is refused, so that an operator gets in however many scans hang.
//
// Thread safety: every method may be called from any thread. May block.
#pragma once

#include <atomic>

#include "belay/v1/storage.grpc.pb.h"
#include "broker/daemon/hub.h"

namespace belay::daemon {

inline constexpr int kMaxStoreCalls = 48;

class StorageService final : public v1::Storage::Service {
 public:
  explicit StorageService(Hub& hub) : hub_(hub) {}

  grpc::Status Get(grpc::ServerContext* context, const v1::GetRequest* request,
                   v1::GetResponse* response) override;
  grpc::Status Put(grpc::ServerContext* context, const v1::PutRequest* request,
                   v1::PutResponse* response) override;
  grpc::Status Delete(grpc::ServerContext* context, const v1::DeleteRequest* request,
                      v1::DeleteResponse* response) override;
  grpc::Status Scan(grpc::ServerContext* context, const v1::ScanRequest* request,
                    grpc::ServerWriter<v1::ScanResponse>* writer) override;

 private:
  // Runs `method` unless there are too many already, or there is no store.
  template <typename Response, typename Method>
  grpc::Status WithStore(Response* response, Method method);

  Hub& hub_;
  std::atomic<int> calls_{0};  // relaxed: a count, it guards nothing
};

}  // namespace belay::daemon
