// The store's operations between the wire's form and the store's: for sessions and for the Storage
// service alike.
//
// Thread safety: every function may be called from any thread. Those that take a Broker may block.
#pragma once

#include "broker/base/status.h"
#include "broker/engine/broker.h"
#include "broker/storage/store.h"

namespace belay::v1 {
class DeleteRequest;
class DeleteResponse;
class GetRequest;
class GetResponse;
class PutRequest;
class PutResponse;
class ScanRequest;
}  // namespace belay::v1

namespace belay::daemon {

// REQUIRES: the broker has a store. Each returns the operation's status, which it has also written to the response.
base::Status RunGet(engine::Broker& broker, const v1::GetRequest& request,
                    v1::GetResponse* response);
base::Status RunPut(engine::Broker& broker, const v1::PutRequest& request,
                    v1::PutResponse* response);
base::Status RunDelete(engine::Broker& broker, const v1::DeleteRequest& request,
                       v1::DeleteResponse* response);

// INVALID_ARGUMENT for a prefix together with a range.
base::Result<storage::ScanOptions> ToScanOptions(const v1::ScanRequest& request);

}  // namespace belay::daemon
