// UnaryClient: the broker's request-and-answer services (storage, admin, named calls, health), without
// a session. For tools and simple programs; a program that hosts or calls often wants client.h.
//
// Each call fills `*response` when it could be made, and returns the response's own status where it
// has one. When the call could not be made the status says why: reason CONNECTION_FAILED means that
// there is no broker at the target.
//
// Thread safety: every method may be called from any thread. All of them block.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "belay/client/status.h"

namespace belay::v1 {
class CheckpointRequest;
class CheckpointResponse;
class CompactRequest;
class CompactResponse;
class CountRequest;
class CountResponse;
class CreateKeyspaceRequest;
class CreateKeyspaceResponse;
class DeleteRequest;
class DeleteResponse;
class DescribeHandleRequest;
class DescribeHandleResponse;
class DropKeyspaceRequest;
class DropKeyspaceResponse;
class EstimateRequest;
class EstimateResponse;
class FlushRequest;
class FlushResponse;
class GetManyRequest;
class GetManyResponse;
class GetRequest;
class GetResponse;
class GetStatsRequest;
class GetStatsResponse;
class GetStoreStatsRequest;
class GetStoreStatsResponse;
class InvokeRequest;
class InvokeResponse;
class ListAuditRequest;
class ListAuditResponse;
class ListHandlesRequest;
class ListHandlesResponse;
class ListHooksRequest;
class ListHooksResponse;
class ListKeyspacesRequest;
class ListKeyspacesResponse;
class ListSessionsRequest;
class ListSessionsResponse;
class PutRequest;
class PutResponse;
class RevokeRequest;
class RevokeResponse;
class ScanRequest;
class UpdateRequest;
class UpdateResponse;
class VerifyResponse;
class WriteRequest;
class WriteResponse;
}  // namespace belay::v1

namespace belay::client {

// grpc.health.v1's ServingStatus.
enum class Health : std::int32_t {
  kUnknown = 0,
  kServing = 1,
  kNotServing = 2,
  kServiceUnknown = 3
};

class UnaryClient {
 public:
  // Does not connect yet. `timeout_ms` bounds each call (a whole scan too); 0: no bound. `token`: a bearer token, brought
  // with each call; empty: none.
  UnaryClient(const std::string& target, std::uint32_t timeout_ms, std::string token = {});
  UnaryClient(UnaryClient&&) noexcept;
  UnaryClient& operator=(UnaryClient&&) noexcept;
  ~UnaryClient();

  // Ends by the request's own timeout_ms if it has one.
  Status Invoke(const v1::InvokeRequest& request, v1::InvokeResponse* response);

  Status Get(const v1::GetRequest& request, v1::GetResponse* response);
  Status Put(const v1::PutRequest& request, v1::PutResponse* response);
  Status Delete(const v1::DeleteRequest& request, v1::DeleteResponse* response);
  // `block` is called with each row block (rows.hpp) and returns false to stop early, which is no error.
  Status Scan(const v1::ScanRequest& request,
              const std::function<bool(const std::string& block)>& block);

  Status GetMany(const v1::GetManyRequest& request, v1::GetManyResponse* response);
  Status Write(const v1::WriteRequest& request, v1::WriteResponse* response);
  Status Update(const v1::UpdateRequest& request, v1::UpdateResponse* response);
  Status Count(const v1::CountRequest& request, v1::CountResponse* response);
  Status Estimate(const v1::EstimateRequest& request, v1::EstimateResponse* response);
  Status Flush(const v1::FlushRequest& request, v1::FlushResponse* response);
  Status CreateKeyspace(const v1::CreateKeyspaceRequest& request,
                        v1::CreateKeyspaceResponse* response);
  Status DropKeyspace(const v1::DropKeyspaceRequest& request, v1::DropKeyspaceResponse* response);
  Status ListKeyspaces(const v1::ListKeyspacesRequest& request,
                       v1::ListKeyspacesResponse* response);
  Status Compact(const v1::CompactRequest& request, v1::CompactResponse* response);
  Status Checkpoint(const v1::CheckpointRequest& request, v1::CheckpointResponse* response);
  Status GetStoreStats(const v1::GetStoreStatsRequest& request,
                       v1::GetStoreStatsResponse* response);
  // `progress` is told how far it is and returns false to stop, which is CANCELLED. DATA_LOSS names what is
  // damaged.
  Status Verify(const std::function<bool(const v1::VerifyResponse& so_far)>& progress);

  Status ListHandles(const v1::ListHandlesRequest& request, v1::ListHandlesResponse* response);
  Status DescribeHandle(const v1::DescribeHandleRequest& request,
                        v1::DescribeHandleResponse* response);
  Status ListSessions(const v1::ListSessionsRequest& request, v1::ListSessionsResponse* response);
  Status ListHooks(const v1::ListHooksRequest& request, v1::ListHooksResponse* response);
  Status Revoke(const v1::RevokeRequest& request, v1::RevokeResponse* response);
  Status GetStats(const v1::GetStatsRequest& request, v1::GetStatsResponse* response);
  Status ListAudit(const v1::ListAuditRequest& request, v1::ListAuditResponse* response);

  // Health of one service ("belay.v1.Broker"), or of the whole (empty).
  Status CheckHealth(const std::string& service, Health* health);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace belay::client
