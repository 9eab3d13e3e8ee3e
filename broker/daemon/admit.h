// Who a gRPC request is from; for .cc files of the gRPC side.
#pragma once

#include <grpcpp/server_context.h>

#include "broker/daemon/access_control.h"
#include "broker/daemon/hub.h"
#include "broker/daemon/peer.h"

namespace belay::daemon {

// As AccessControl::Admit(); a refusal is counted, and told in the log.
inline base::Result<Caller> Admit(Hub& hub, const grpc::ServerContext& context) {
  const std::string grpc_peer = context.peer();
  const std::string_view peer = PeerText(grpc_peer);
  const auto [begin, end] = context.client_metadata().equal_range("authorization");
  std::optional<std::string_view> authorization;
  if (begin != end) authorization = std::string_view(begin->second.data(), begin->second.size());
  auto caller = hub.access().Admit(peer, authorization);
  if (!caller.ok()) hub.OnUnauthenticated(peer, caller.status());
  return caller;
}

}  // namespace belay::daemon
