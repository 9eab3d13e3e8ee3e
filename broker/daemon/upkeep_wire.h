// Keyspaces and the care of the store between the wire's form and the store's: for sessions and for the
// Storage service alike.
//
// Thread safety: every function may be called from any thread, and may block.
#pragma once

#include <functional>
#include <string>

#include "broker/base/status.h"
#include "broker/engine/broker.h"

namespace belay::v1 {
class CheckpointRequest;
class CheckpointResponse;
class CompactRequest;
class CompactResponse;
class CreateKeyspaceRequest;
class CreateKeyspaceResponse;
class DropKeyspaceRequest;
class DropKeyspaceResponse;
class FlushResponse;
class GetStoreStatsResponse;
class ListKeyspacesResponse;
class VerifyResponse;
}  // namespace belay::v1

namespace belay::daemon {

// REQUIRES for all below: the broker has a store. Each returns the operation's status, which it has also
// written to the response.
base::Status RunFlush(engine::Broker& broker, v1::FlushResponse* response);
base::Status RunCreateKeyspace(engine::Broker& broker, const v1::CreateKeyspaceRequest& request,
                               v1::CreateKeyspaceResponse* response);
base::Status RunDropKeyspace(engine::Broker& broker, const v1::DropKeyspaceRequest& request,
                             v1::DropKeyspaceResponse* response);
base::Status RunListKeyspaces(engine::Broker& broker, v1::ListKeyspacesResponse* response);
base::Status RunCompact(engine::Broker& broker, const v1::CompactRequest& request,
                        v1::CompactResponse* response);
// Only under `backup_dir`, so that whoever may read the store may not write wherever the broker may.
// FAILED_PRECONDITION with reason NO_BACKUP_DIR if that is empty.
base::Status RunCheckpoint(engine::Broker& broker, const std::string& backup_dir,
                           const v1::CheckpointRequest& request, v1::CheckpointResponse* response);
// `tell` gets the response as it is after each piece, and may stop by returning false.
base::Status RunVerify(engine::Broker& broker,
                       const std::function<bool(const v1::VerifyResponse&)>& tell,
                       v1::VerifyResponse* response);
base::Status RunGetStoreStats(engine::Broker& broker, v1::GetStoreStatsResponse* response);

}  // namespace belay::daemon
