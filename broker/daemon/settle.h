// How a store operation's outcome gets into its response.
//
// Thread safety: pure functions.
#pragma once

#include "broker/base/status.h"
#include "broker/daemon/status_wire.h"

namespace belay::daemon {

// Writes `status` to the response, unless it is OK, which is told by absence; returns it.
template <typename Response>
base::Status Settle(base::Status status, Response* response) {
  if (!status.ok()) ToWire(status, response->mutable_status());
  return status;
}

inline base::Status SystemKeyspace() {
  return base::Status(base::Code::kPermissionDenied, "keyspace \"system\" is the broker's own",
                      "SYSTEM_KEYSPACE");
}

}  // namespace belay::daemon
