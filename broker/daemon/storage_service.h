// The gRPC service belay.v1.Storage, for clients without a session.
//
// Synchronous, on gRPC's own bounded threads and not on the loop: every method waits for the disk, or
// for the host of a callback, and a stream of rows is held up by its reader, which a blocking
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

  using Context = grpc::ServerContext;
  grpc::Status Get(Context* context, const v1::GetRequest* request,
                   v1::GetResponse* response) override;
  grpc::Status GetMany(Context* context, const v1::GetManyRequest* request,
                       v1::GetManyResponse* response) override;
  grpc::Status Put(Context* context, const v1::PutRequest* request,
                   v1::PutResponse* response) override;
  grpc::Status Delete(Context* context, const v1::DeleteRequest* request,
                      v1::DeleteResponse* response) override;
  grpc::Status Write(Context* context, const v1::WriteRequest* request,
                     v1::WriteResponse* response) override;
  grpc::Status Merge(Context* context, const v1::MergeRequest* request,
                     v1::MergeResponse* response) override;
  grpc::Status Update(Context* context, const v1::UpdateRequest* request,
                      v1::UpdateResponse* response) override;
  grpc::Status Scan(Context* context, const v1::ScanRequest* request,
                    grpc::ServerWriter<v1::ScanResponse>* writer) override;
  grpc::Status Count(Context* context, const v1::CountRequest* request,
                     v1::CountResponse* response) override;
  grpc::Status Estimate(Context* context, const v1::EstimateRequest* request,
                        v1::EstimateResponse* response) override;
  grpc::Status Flush(Context* context, const v1::FlushRequest* request,
                     v1::FlushResponse* response) override;
  grpc::Status CreateKeyspace(Context* context, const v1::CreateKeyspaceRequest* request,
                              v1::CreateKeyspaceResponse* response) override;
  grpc::Status DropKeyspace(Context* context, const v1::DropKeyspaceRequest* request,
                            v1::DropKeyspaceResponse* response) override;
  grpc::Status ListKeyspaces(Context* context, const v1::ListKeyspacesRequest* request,
                             v1::ListKeyspacesResponse* response) override;
  grpc::Status Compact(Context* context, const v1::CompactRequest* request,
                       v1::CompactResponse* response) override;
  grpc::Status Checkpoint(Context* context, const v1::CheckpointRequest* request,
                          v1::CheckpointResponse* response) override;
  grpc::Status Verify(Context* context, const v1::VerifyRequest* request,
                      grpc::ServerWriter<v1::VerifyResponse>* writer) override;
  grpc::Status GetStoreStats(Context* context, const v1::GetStoreStatsRequest* request,
                             v1::GetStoreStatsResponse* response) override;

 private:
  // Runs `method` unless the caller may not have the request done, there are too many already, or there is
  // no store. Then says how it went in `response`, which is why the RPC itself is OK, unless nobody knows the caller.
  template <typename Request, typename Response, typename Method>
  grpc::Status WithStore(const Context& context, const Request& request, Response* response,
                         Method method);

  Hub& hub_;
  std::atomic<int> calls_{0};  // relaxed: a count, it guards nothing
};

}  // namespace belay::daemon
