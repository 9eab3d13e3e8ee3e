// The unary services' stubs, and health by its two-field wire format.
#include "belay/client/unary.h"

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

#include "belay/v1/admin.grpc.pb.h"
#include "belay/v1/session.grpc.pb.h"
#include "belay/v1/storage.grpc.pb.h"
#include "clients/cpp/src/channel.h"
#include "clients/cpp/src/wire.h"

namespace belay::client {
namespace {

Status FromGrpcStatus(const grpc::Status& status) {
  return FromGrpc(static_cast<int>(status.error_code()), status.error_message());
}

// 0: none.
void SetDeadline(grpc::ClientContext& context, std::uint32_t timeout_ms) {
  if (timeout_ms == 0) return;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(timeout_ms));
}

// grpc.health.v1.HealthCheckRequest { string service = 1; }
std::string EncodeHealthRequest(const std::string& service) {
  std::string bytes;
  if (service.empty() || service.size() > 127) return bytes;
  bytes += '\x0a';
  bytes += static_cast<char>(service.size());
  return bytes + service;
}

// grpc.health.v1.HealthCheckResponse { ServingStatus status = 1; }; proto3 leaves zero out.
Health DecodeHealthResponse(const std::string& bytes) {
  if (bytes.size() < 2 || bytes[0] != '\x08' || bytes[1] < 0 || bytes[1] > 3)
    return Health::kUnknown;
  return static_cast<Health>(bytes[1]);
}

}  // namespace

struct UnaryClient::Impl {
  Impl(const std::string& target, std::uint32_t timeout, std::string bearer)
      : channel(MakeChannel(target)),
        broker(v1::Broker::NewStub(channel)),
        storage(v1::Storage::NewStub(channel)),
        admin(v1::Admin::NewStub(channel)),
        timeout_ms(timeout),
        token(std::move(bearer)) {}

  // What every call says of itself; 0: without a deadline.
  void Prepare(grpc::ClientContext& context, std::uint32_t call_timeout_ms) const {
    SetDeadline(context, call_timeout_ms);
    SetToken(context, token);
  }

  // One call of a stub's method; the status is the RPC's.
  template <typename Stub, typename Request, typename Response>
  Status Call(Stub& stub,
              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
              const Request& request, Response* response) const {
    grpc::ClientContext context;
    Prepare(context, timeout_ms);
    return FromGrpcStatus((stub.*method)(&context, request, response));
  }

  // The same, of a method whose response has a status of its own.
  template <typename Stub, typename Request, typename Response>
  Status Ask(Stub& stub,
             grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
             const Request& request, Response* response) const {
    Status status = Call(stub, method, request, response);
    return status.ok() ? FromWire(response->status()) : status;
  }

  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::Broker::Stub> broker;
  std::unique_ptr<v1::Storage::Stub> storage;
  std::unique_ptr<v1::Admin::Stub> admin;
  std::uint32_t timeout_ms;
  std::string token;
};

UnaryClient::UnaryClient(const std::string& target, std::uint32_t timeout_ms, std::string token)
    : impl_(std::make_unique<Impl>(target, timeout_ms, std::move(token))) {}
UnaryClient::UnaryClient(UnaryClient&&) noexcept = default;
UnaryClient& UnaryClient::operator=(UnaryClient&&) noexcept = default;
UnaryClient::~UnaryClient() = default;

Status UnaryClient::Invoke(const v1::InvokeRequest& request, v1::InvokeResponse* response) {
  // The broker knows how far a call got when its time is up, gRPC does not: the broker gets a moment more.
  constexpr std::uint32_t kGraceMs = 500;
  grpc::ClientContext context;
  const std::uint32_t timeout_ms =
      request.timeout_ms() != 0 ? request.timeout_ms() + kGraceMs : impl_->timeout_ms;
  impl_->Prepare(context, timeout_ms);
  Status status = FromGrpcStatus(impl_->broker->Invoke(&context, request, response));
  if (status.ok()) return FromWire(response->status());
  status.certainty = Certainty::kSentUnknown;
  return status;
}
Status UnaryClient::Get(const v1::GetRequest& request, v1::GetResponse* response) {
  return impl_->Ask(*impl_->storage, &v1::Storage::Stub::Get, request, response);
}
Status UnaryClient::Put(const v1::PutRequest& request, v1::PutResponse* response) {
  return impl_->Ask(*impl_->storage, &v1::Storage::Stub::Put, request, response);
}
Status UnaryClient::Delete(const v1::DeleteRequest& request, v1::DeleteResponse* response) {
  return impl_->Ask(*impl_->storage, &v1::Storage::Stub::Delete, request, response);
}
Status UnaryClient::GetMany(const v1::GetManyRequest& request, v1::GetManyResponse* response) {
  return impl_->Ask(*impl_->storage, &v1::Storage::Stub::GetMany, request, response);
}
Status UnaryClient::Write(const v1::WriteRequest& request, v1::WriteResponse* response) {
  return impl_->Ask(*impl_->storage, &v1::Storage::Stub::Write, request, response);
}
Status UnaryClient::Update(const v1::UpdateRequest& request, v1::UpdateResponse* response) {
  return impl_->Ask(*impl_->storage, &v1::Storage::Stub::Update, request, response);
}
Status UnaryClient::Count(const v1::CountRequest& request, v1::CountResponse* response) {
  return impl_->Ask(*impl_->storage, &v1::Storage::Stub::Count, request, response);
}
Status UnaryClient::Estimate(const v1::EstimateRequest& request, v1::EstimateResponse* response) {
  return impl_->Ask(*impl_->storage, &v1::Storage::Stub::Estimate, request, response);
}
Status UnaryClient::Flush(const v1::FlushRequest& request, v1::FlushResponse* response) {
  return impl_->Ask(*impl_->storage, &v1::Storage::Stub::Flush, request, response);
}
Status UnaryClient::CreateKeyspace(const v1::CreateKeyspaceRequest& request,
                                   v1::CreateKeyspaceResponse* response) {
  return impl_->Ask(*impl_->storage, &v1::Storage::Stub::CreateKeyspace, request, response);
}
Status UnaryClient::DropKeyspace(const v1::DropKeyspaceRequest& request,
                                 v1::DropKeyspaceResponse* response) {
  return impl_->Ask(*impl_->storage, &v1::Storage::Stub::DropKeyspace, request, response);
}
Status UnaryClient::ListKeyspaces(const v1::ListKeyspacesRequest& request,
                                  v1::ListKeyspacesResponse* response) {
  return impl_->Ask(*impl_->storage, &v1::Storage::Stub::ListKeyspaces, request, response);
}
Status UnaryClient::Compact(const v1::CompactRequest& request, v1::CompactResponse* response) {
  return impl_->Ask(*impl_->storage, &v1::Storage::Stub::Compact, request, response);
}
Status UnaryClient::Checkpoint(const v1::CheckpointRequest& request,
                               v1::CheckpointResponse* response) {
  return impl_->Ask(*impl_->storage, &v1::Storage::Stub::Checkpoint, request, response);
}
Status UnaryClient::GetStoreStats(const v1::GetStoreStatsRequest& request,
                                  v1::GetStoreStatsResponse* response) {
  return impl_->Ask(*impl_->storage, &v1::Storage::Stub::GetStoreStats, request, response);
}
Status UnaryClient::DescribeHandle(const v1::DescribeHandleRequest& request,
                                   v1::DescribeHandleResponse* response) {
  return impl_->Ask(*impl_->admin, &v1::Admin::Stub::DescribeHandle, request, response);
}
Status UnaryClient::Revoke(const v1::RevokeRequest& request, v1::RevokeResponse* response) {
  return impl_->Ask(*impl_->admin, &v1::Admin::Stub::Revoke, request, response);
}
Status UnaryClient::ListHandles(const v1::ListHandlesRequest& request,
                                v1::ListHandlesResponse* response) {
  return impl_->Call(*impl_->admin, &v1::Admin::Stub::ListHandles, request, response);
}
Status UnaryClient::ListSessions(const v1::ListSessionsRequest& request,
                                 v1::ListSessionsResponse* response) {
  return impl_->Call(*impl_->admin, &v1::Admin::Stub::ListSessions, request, response);
}
Status UnaryClient::ListHooks(const v1::ListHooksRequest& request,
                              v1::ListHooksResponse* response) {
  return impl_->Call(*impl_->admin, &v1::Admin::Stub::ListHooks, request, response);
}
Status UnaryClient::GetStats(const v1::GetStatsRequest& request, v1::GetStatsResponse* response) {
  return impl_->Call(*impl_->admin, &v1::Admin::Stub::GetStats, request, response);
}
Status UnaryClient::ListAudit(const v1::ListAuditRequest& request,
                              v1::ListAuditResponse* response) {
  return impl_->Call(*impl_->admin, &v1::Admin::Stub::ListAudit, request, response);
}

Status UnaryClient::Scan(const v1::ScanRequest& request,
                         const std::function<bool(const std::string& block)>& block) {
  grpc::ClientContext context;
  impl_->Prepare(context, impl_->timeout_ms);
  const std::unique_ptr<grpc::ClientReader<v1::ScanResponse>> reader =
      impl_->storage->Scan(&context, request);
  v1::ScanResponse response;
  Status status;
  bool is_stopped = false;
  while (!is_stopped && reader->Read(&response)) {
    if (response.has_status() && response.status().code() != 0)
      status = FromWire(response.status());
    if (!response.block().empty()) is_stopped = !block(response.block());
  }
  if (is_stopped) context.TryCancel();
  const grpc::Status rpc = reader->Finish();
  if (is_stopped) return Status();
  return status.ok() ? FromGrpcStatus(rpc) : status;
}

Status UnaryClient::Verify(const std::function<bool(const v1::VerifyResponse& so_far)>& progress) {
  grpc::ClientContext context;
  impl_->Prepare(context, impl_->timeout_ms);
  const std::unique_ptr<grpc::ClientReader<v1::VerifyResponse>> reader =
      impl_->storage->Verify(&context, v1::VerifyRequest());
  v1::VerifyResponse response;
  bool is_stopped = false;
  while (!is_stopped && reader->Read(&response)) is_stopped = !progress(response);
  if (is_stopped) context.TryCancel();
  const grpc::Status rpc = reader->Finish();
  if (is_stopped) return Status(Code::kCancelled, "the check was stopped");
  return rpc.ok() ? FromWire(response.status()) : FromGrpcStatus(rpc);
}

Status UnaryClient::CheckHealth(const std::string& service, Health* health) {
  grpc::ClientContext context;
  impl_->Prepare(context, impl_->timeout_ms);
  const grpc::Slice slice(EncodeHealthRequest(service));
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;

  std::mutex mutex;
  std::condition_variable changed;
  bool is_done = false;
  grpc::Status rpc;
  grpc::GenericStub stub(impl_->channel);
  stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::StubOptions(), &request, &response,
                 [&](grpc::Status status) {
                   std::scoped_lock lock(mutex);
                   rpc = std::move(status);
                   is_done = true;
                   changed.notify_one();  // under the lock: the waiter's stack goes once it is free
                 });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return is_done; });
  }
  if (!rpc.ok()) return FromGrpcStatus(rpc);
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (response.Dump(&slices).ok()) {
    for (const grpc::Slice& part : slices) {
      bytes.append(reinterpret_cast<const char*>(part.begin()), part.size());
    }
  }
  *health = DecodeHealthResponse(bytes);
  return Status();
}

}  // namespace belay::client
