#include "broker/daemon/storage_service.h"

#include <type_traits>
#include <utility>

#include "broker/daemon/admit.h"
#include "broker/daemon/grpc_status.h"
#include "broker/daemon/status_wire.h"
#include "broker/daemon/store_access.h"
#include "broker/daemon/store_wire.h"
#include "broker/daemon/upkeep_wire.h"
#include "broker/daemon/write_wire.h"
#include "broker/engine/cursor.h"

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;

namespace {

constexpr char kCaller[] = "unary";  // what hosts of callbacks are told

grpc::Status ReaderGone() { return {grpc::StatusCode::CANCELLED, "the reader is gone"}; }

Result<registry::Ref<engine::Cursor>> OpenCursor(Hub& hub, const v1::ScanRequest& request) {
  engine::CursorOptions options;
  auto scan = ToScanOptions(hub.broker(), nullptr, request);
  if (!scan.ok()) return scan.status();
  options.scan = std::move(*scan);
  options.caller = kCaller;
  for (const auto& [name, hook] : {std::pair{&request.filter_name(), &options.filter},
                                   std::pair{&request.projection_name(), &options.projection}}) {
    if (name->empty()) continue;
    const auto found = hub.broker().Resolve(*name);
    if (!found.ok()) return found.status();
    *hook = *found;
  }
  return engine::Cursor::Open(hub.shared_broker(), options);
}

// Writes all blocks. A failure is left in `response`.
grpc::Status Pull(Hub& hub, const v1::ScanRequest& request, const grpc::ServerContext& context,
                  grpc::ServerWriter<v1::ScanResponse>& writer, v1::ScanResponse* response) {
  const auto cursor = OpenCursor(hub, request);
  Status status = cursor.status();
  while (status.ok()) {
    if (context.IsCancelled()) return ReaderGone();
    std::size_t needed_bytes = 0;
    auto block = (*cursor)->Next(hub.limits().scan_block_bytes, &needed_bytes);
    if (block.code() == Code::kBufferTooSmall) block = (*cursor)->Next(needed_bytes, &needed_bytes);
    status = block.status();
    if (!status.ok()) break;
    response->set_block(std::move(*block));
    response->set_revision((*cursor)->revision());
    if (!writer.Write(*response)) return ReaderGone();
  }
  response->Clear();
  if (status.code() != Code::kEnd) ToWire(status, response->mutable_status());
  return grpc::Status::OK;
}

}  // namespace

template <typename Request, typename Response, typename Method>
grpc::Status StorageService::WithStore(const Context& context, const Request& request,
                                       Response* response, Method method) {
  const auto caller = Admit(hub_, context);
  if (!caller.ok()) return ToGrpc(caller.status());
  if (Status status = CheckAccess(caller->permissions, request); !status.ok()) {
    hub_.OnDenied(*caller, status);
    ToWire(status, response->mutable_status());
    return grpc::Status::OK;
  }
  if constexpr (std::is_same_v<Request, v1::CompactRequest>)
    hub_.Audit("compact", *caller, "keyspace \"" + request.keyspace() + "\"");
  if constexpr (std::is_same_v<Request, v1::CheckpointRequest>)
    hub_.Audit("backup", *caller, "to \"" + request.name() + "\"");
  struct Count {
    explicit Count(std::atomic<int>& count)
        : calls(count), before(calls.fetch_add(1, std::memory_order_relaxed)) {}
    Count(const Count&) = delete;
    Count& operator=(const Count&) = delete;
    ~Count() { calls.fetch_sub(1, std::memory_order_relaxed); }
    std::atomic<int>& calls;
    const int before;
  } const count(calls_);
  if (count.before >= kMaxStoreCalls) {
    ToWire(
        Status(
            Code::kResourceExhausted,
            std::to_string(count.before) +
                " unary store requests are running, which is the most; use a session, or try later",
            "TOO_MANY_STORE_REQUESTS"),
        response->mutable_status());
    return grpc::Status::OK;
  }
  if (Status store = hub_.broker().store().status(); !store.ok()) {
    ToWire(store, response->mutable_status());
  } else {
    method();
  }
  return grpc::Status::OK;
}

grpc::Status StorageService::Get(Context* context, const v1::GetRequest* request,
                                 v1::GetResponse* response) {
  return WithStore(*context, *request, response,
                   [&] { (void)RunGet(hub_.broker(), nullptr, *request, response); });
}

grpc::Status StorageService::GetMany(Context* context, const v1::GetManyRequest* request,
                                     v1::GetManyResponse* response) {
  return WithStore(*context, *request, response, [&] {
    (void)RunGetMany(hub_.broker(), nullptr, *request, hub_.limits().max_frame_bytes, response);
  });
}

grpc::Status StorageService::Put(Context* context, const v1::PutRequest* request,
                                 v1::PutResponse* response) {
  return WithStore(*context, *request, response, [&] {
    (void)Commit(hub_.broker(), ToBatch(hub_.broker(), *request), response);
  });
}

grpc::Status StorageService::Delete(Context* context, const v1::DeleteRequest* request,
                                    v1::DeleteResponse* response) {
  return WithStore(*context, *request, response, [&] {
    (void)Commit(hub_.broker(), ToBatch(hub_.broker(), *request), response);
  });
}

grpc::Status StorageService::Write(Context* context, const v1::WriteRequest* request,
                                   v1::WriteResponse* response) {
  return WithStore(*context, *request, response, [&] {
    (void)Commit(hub_.broker(), ToBatch(hub_.broker(), *request), response);
  });
}

grpc::Status StorageService::Merge(Context* context, const v1::MergeRequest* request,
                                   v1::MergeResponse* response) {
  return WithStore(*context, *request, response, [&] {
    (void)Commit(hub_.broker(), ToBatch(hub_.broker(), *request), response);
  });
}

grpc::Status StorageService::Update(Context* context, const v1::UpdateRequest* request,
                                    v1::UpdateResponse* response) {
  return WithStore(*context, *request, response, [&] {
    const auto callback = hub_.broker().ResolveTo(request->callback_name(), 0);
    if (!callback.ok()) return ToWire(callback.status(), response->mutable_status());
    (void)RunUpdate(hub_.broker(), *callback, kCaller, *request, response);
    (void)registry::Registry::Release(*callback);
  });
}

grpc::Status StorageService::Count(Context* context, const v1::CountRequest* request,
                                   v1::CountResponse* response) {
  return WithStore(*context, *request, response,
                   [&] { (void)RunCount(hub_.broker(), nullptr, *request, response); });
}

grpc::Status StorageService::Estimate(Context* context, const v1::EstimateRequest* request,
                                      v1::EstimateResponse* response) {
  return WithStore(*context, *request, response,
                   [&] { (void)RunEstimate(hub_.broker(), *request, response); });
}

grpc::Status StorageService::Flush(Context* context, const v1::FlushRequest* request,
                                   v1::FlushResponse* response) {
  return WithStore(*context, *request, response, [&] { (void)RunFlush(hub_.broker(), response); });
}

grpc::Status StorageService::CreateKeyspace(Context* context,
                                            const v1::CreateKeyspaceRequest* request,
                                            v1::CreateKeyspaceResponse* response) {
  return WithStore(*context, *request, response,
                   [&] { (void)RunCreateKeyspace(hub_.broker(), *request, response); });
}

grpc::Status StorageService::DropKeyspace(Context* context, const v1::DropKeyspaceRequest* request,
                                          v1::DropKeyspaceResponse* response) {
  return WithStore(*context, *request, response,
                   [&] { (void)RunDropKeyspace(hub_.broker(), *request, response); });
}

grpc::Status StorageService::ListKeyspaces(Context* context,
                                           const v1::ListKeyspacesRequest* request,
                                           v1::ListKeyspacesResponse* response) {
  return WithStore(*context, *request, response,
                   [&] { (void)RunListKeyspaces(hub_.broker(), response); });
}

grpc::Status StorageService::Compact(Context* context, const v1::CompactRequest* request,
                                     v1::CompactResponse* response) {
  return WithStore(*context, *request, response,
                   [&] { (void)RunCompact(hub_.broker(), *request, response); });
}

grpc::Status StorageService::Checkpoint(Context* context, const v1::CheckpointRequest* request,
                                        v1::CheckpointResponse* response) {
  return WithStore(*context, *request, response, [&] {
    (void)RunCheckpoint(hub_.broker(), hub_.backup_dir(), *request, response);
  });
}

grpc::Status StorageService::GetStoreStats(Context* context,
                                           const v1::GetStoreStatsRequest* request,
                                           v1::GetStoreStatsResponse* response) {
  return WithStore(*context, *request, response,
                   [&] { (void)RunGetStoreStats(hub_.broker(), response); });
}

grpc::Status StorageService::Scan(Context* context, const v1::ScanRequest* request,
                                  grpc::ServerWriter<v1::ScanResponse>* writer) {
  v1::ScanResponse response;
  grpc::Status ended;
  const grpc::Status begun = WithStore(*context, *request, &response, [&] {
    ended = Pull(hub_, *request, *context, *writer, &response);
  });
  if (!begun.ok()) return begun;
  // A failure is told in the last message.
  if (ended.ok() && response.has_status()) writer->Write(response);
  return ended;
}

grpc::Status StorageService::Verify(Context* context, const v1::VerifyRequest* request,
                                    grpc::ServerWriter<v1::VerifyResponse>* writer) {
  v1::VerifyResponse response;
  const grpc::Status begun = WithStore(*context, *request, &response, [&] {
    const auto tell = [&](const v1::VerifyResponse& so_far) {
      return !context->IsCancelled() && writer->Write(so_far);
    };
    (void)RunVerify(hub_.broker(), tell, &response);
  });
  if (!begun.ok()) return begun;
  return writer->Write(response) ? grpc::Status::OK : ReaderGone();
}

}  // namespace belay::daemon
