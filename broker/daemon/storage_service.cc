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

}  // namespace

grpc::Status StorageService::Get(grpc::ServerContext*, const v1::GetRequest* request,
                                 v1::GetResponse* response) {
  const auto store = hub_.broker().store();
  if (store.ok()) {
    (void)RunGet(**store, *request, response);
  } else {
    ToWire(store.status(), response->mutable_status());
  }
  return grpc::Status::OK;
}

grpc::Status StorageService::Put(grpc::ServerContext*, const v1::PutRequest* request,
                                 v1::PutResponse* response) {
  const auto store = hub_.broker().store();
  if (store.ok()) {
    (void)RunPut(**store, *request, response);
  } else {
    ToWire(store.status(), response->mutable_status());
  }
  return grpc::Status::OK;
}

grpc::Status StorageService::Delete(grpc::ServerContext*, const v1::DeleteRequest* request,
                                    v1::DeleteResponse* response) {
  const auto store = hub_.broker().store();
  if (store.ok()) {
    (void)RunDelete(**store, *request, response);
  } else {
    ToWire(store.status(), response->mutable_status());
  }
  return grpc::Status::OK;
}

grpc::Status StorageService::Scan(grpc::ServerContext* context, const v1::ScanRequest* request,
                                  grpc::ServerWriter<v1::ScanResponse>* writer) {
  const auto end = [&](const Status& status) {
    v1::ScanResponse last;
    ToWire(status, last.mutable_status());
    writer->Write(last);
    return grpc::Status::OK;
  };
  const auto opened = OpenCursor(hub_, *request);
  if (!opened.ok()) return end(opened.status());
  engine::Cursor& cursor = **opened;
  v1::ScanResponse response;
  while (!context->IsCancelled()) {
    std::size_t needed_bytes = 0;
    auto block = cursor.Next(hub_.limits().scan_block_bytes, &needed_bytes);
    if (block.code() == Code::kBufferTooSmall) block = cursor.Next(needed_bytes, &needed_bytes);
    if (block.code() == Code::kEnd) return grpc::Status::OK;
    if (!block.ok()) return end(block.status());
    response.set_block(std::move(*block));
    if (!writer->Write(response)) break;
  }
  return {grpc::StatusCode::CANCELLED, "the reader is gone"};
}

}  // namespace belay::daemon
