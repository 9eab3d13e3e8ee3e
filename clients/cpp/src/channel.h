// How this client makes gRPC channels. Includes gRPC: for .cc files only.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <string>

namespace belay::client {

// A channel with a connection of its own, so that two clients of one process fail apart; without
// proxies and without gRPC's own retries, because whether to repeat is the caller's decision.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target);

// Has the call say who it is from. Empty: it says nothing.
void SetToken(grpc::ClientContext& context, const std::string& token);

}  // namespace belay::client
