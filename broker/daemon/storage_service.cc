#include "broker/daemon/storage_service.h"

#include <utility>

#include "broker/daemon/status_wire.h"
#include "broker/daemon/store_wire.h"
#include "broker/engine/cursor.h"

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;

namespace {

Result<registry::Ref<engine::Cursor>> OpenCursor(Hub& hub, const v1::ScanRequest& request) {
  engine::CursorOptions options;
  auto scan = ToScanOptions(request);
  if (!scan.ok()) return scan.status();
  options.scan = std::move(*scan);
  options.caller = "unary";
  if (!request.filter_name().empty()) {
    const auto filter = hub.broker().Resolve(request.filter_name());
    if (!filter.ok()) return filter.status();
    options.filter = *filter;
  }
  return engine::Cursor::Open(hub.shared_broker(), options);
}

// Writes all blocks. A failure is left in `response`.
grpc::Status Pull(Hub& hub, const v1::ScanRequest& request, const grpc::ServerContext& context,
                  grpc::ServerWriter<v1::ScanResponse>& writer, v1::ScanResponse* response) {
  const auto cursor = OpenCursor(hub, request);
  Status status = cursor.status();
  while (status.ok()) {
    if (context.IsCancelled()) return {grpc::StatusCode::CANCELLED, "the reader is gone"};
    std::size_t needed_bytes = 0;
    auto block = (*cursor)->Next(hub.limits().scan_block_bytes, &needed_bytes);
    if (block.code() == Code::kBufferTooSmall) block = (*cursor)->Next(needed_bytes, &needed_bytes);
    status = block.status();
    if (!status.ok()) break;
    response->set_block(std::move(*block));
    if (!writer.Write(*response)) return {grpc::StatusCode::CANCELLED, "the reader is gone"};
  }
  response->Clear();
  if (status.code() != Code::kEnd) ToWire(status, response->mutable_status());
  return grpc::Status::OK;
}

}  // namespace

template <typename Response, typename Method>
grpc::Status StorageService::WithStore(Response* response, Method method) {
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
  const auto store = hub_.broker().store();
  if (!store.ok()) {
    ToWire(store.status(), response->mutable_status());
    return grpc::Status::OK;
  }
  return method();
}

grpc::Status StorageService::Get(grpc::ServerContext*, const v1::GetRequest* request,
                                 v1::GetResponse* response) {
  return WithStore(response, [&] {
    (void)RunGet(hub_.broker(), *request, response);
    return grpc::Status::OK;
  });
}

grpc::Status StorageService::Put(grpc::ServerContext*, const v1::PutRequest* request,
                                 v1::PutResponse* response) {
  return WithStore(response, [&] {
    (void)RunPut(hub_.broker(), *request, response);
    return grpc::Status::OK;
  });
}

grpc::Status StorageService::Delete(grpc::ServerContext*, const v1::DeleteRequest* request,
                                    v1::DeleteResponse* response) {
  return WithStore(response, [&] {
    (void)RunDelete(hub_.broker(), *request, response);
    return grpc::Status::OK;
  });
}

grpc::Status StorageService::Scan(grpc::ServerContext* context, const v1::ScanRequest* request,
                                  grpc::ServerWriter<v1::ScanResponse>* writer) {
  v1::ScanResponse response;
  const grpc::Status status =
      WithStore(&response, [&] { return Pull(hub_, *request, *context, *writer, &response); });
  // A failure is told in the last message.
  if (status.ok() && response.has_status()) writer->Write(response);
  return status;
}

}  // namespace belay::daemon
