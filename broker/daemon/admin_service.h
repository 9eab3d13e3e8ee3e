// The gRPC service belay.v1.Admin: what lives here, who holds it, what it is doing.
//
// Synchronous, on gRPC's own threads: listings take the registry's lock for a moment at a time, and
// what sessions know is fetched from the loop. Calls never stop for any of it.
//
// Thread safety: every method may be called from any thread.
#pragma once

#include <optional>
#include <string>

#include "belay/v1/admin.grpc.pb.h"
#include "broker/daemon/access_control.h"
#include "broker/daemon/hub.h"

namespace belay::daemon {

class AdminService final : public v1::Admin::Service {
 public:
  explicit AdminService(Hub& hub) : hub_(hub), started_ns_(hub.clock().MonotonicNs()) {}

  grpc::Status ListHandles(grpc::ServerContext* context, const v1::ListHandlesRequest* request,
                           v1::ListHandlesResponse* response) override;
  grpc::Status DescribeHandle(grpc::ServerContext* context,
                              const v1::DescribeHandleRequest* request,
                              v1::DescribeHandleResponse* response) override;
  grpc::Status ListSessions(grpc::ServerContext* context, const v1::ListSessionsRequest* request,
                            v1::ListSessionsResponse* response) override;
  grpc::Status ListHooks(grpc::ServerContext* context, const v1::ListHooksRequest* request,
                         v1::ListHooksResponse* response) override;
  grpc::Status Revoke(grpc::ServerContext* context, const v1::RevokeRequest* request,
                      v1::RevokeResponse* response) override;
  grpc::Status GetStats(grpc::ServerContext* context, const v1::GetStatsRequest* request,
                        v1::GetStatsResponse* response) override;
  grpc::Status ListAudit(grpc::ServerContext* context, const v1::ListAuditRequest* request,
                         v1::ListAuditResponse* response) override;

 private:
  // Why the request is not done; none: it is.
  std::optional<grpc::Status> RefuseUnless(const base::Result<Caller>& caller, access::Verb verb);
  void ToWire(const registry::HandleInfo& info, v1::HandleInfo* wire);
  // Asks the loop. UNAVAILABLE if it does not answer in time.
  base::Result<std::vector<SessionView>> ViewSessions();

  Hub& hub_;
  const std::int64_t started_ns_;
};

}  // namespace belay::daemon
