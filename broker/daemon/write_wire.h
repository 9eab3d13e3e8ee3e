// The store's writes between the wire's form and the store's: for sessions and for the Storage service
// alike. A session needs the batch before it is committed, to see whether it will have to wait for a
// callback; so reading the request, committing and answering are three steps.
//
// Thread safety: every function may be called from any thread, and may block.
#pragma once

#include <string>

#include "broker/base/status.h"
#include "broker/engine/broker.h"
#include "broker/registry/handle.h"
#include "broker/storage/store.h"

namespace belay::v1 {
class DeleteRequest;
class DeleteResponse;
class MergeRequest;
class MergeResponse;
class PutRequest;
class PutResponse;
class UpdateRequest;
class UpdateResponse;
class WriteRequest;
class WriteResponse;
}  // namespace belay::v1

namespace belay::daemon {

// REQUIRES for all below: the broker has a store.

// What the request asks for. INVALID_ARGUMENT for conditions that exclude each other, a time to live
// without an end, an operation that names nothing to do; as FindKeyspace().
base::Result<storage::WriteBatch> ToBatch(engine::Broker& broker, const v1::PutRequest& request);
base::Result<storage::WriteBatch> ToBatch(engine::Broker& broker, const v1::DeleteRequest& request);
base::Result<storage::WriteBatch> ToBatch(engine::Broker& broker, const v1::WriteRequest& request);
base::Result<storage::WriteBatch> ToBatch(engine::Broker& broker, const v1::MergeRequest& request);

// Commits the batch and writes what became of it to the response; returns its status.
base::Status Commit(engine::Broker& broker, const base::Result<storage::WriteBatch>& batch,
                    v1::PutResponse* response);
base::Status Commit(engine::Broker& broker, const base::Result<storage::WriteBatch>& batch,
                    v1::DeleteResponse* response);
base::Status Commit(engine::Broker& broker, const base::Result<storage::WriteBatch>& batch,
                    v1::WriteResponse* response);
base::Status Commit(engine::Broker& broker, const base::Result<storage::WriteBatch>& batch,
                    v1::MergeResponse* response);

// `callback` makes the value; `caller` is shown to its host.
base::Status RunUpdate(engine::Broker& broker, registry::Handle callback, const std::string& caller,
                       const v1::UpdateRequest& request, v1::UpdateResponse* response);

}  // namespace belay::daemon
