// Translation between the wire's statuses, gRPC's, and the client's.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "belay/client/status.h"

namespace belay::v1 {
class Status;
}  // namespace belay::v1

namespace belay::client {

Status FromWire(const v1::Status& wire);
void ToWire(const Status& status, v1::Status* wire);

// Of an RPC that ended with this gRPC code. UNAVAILABLE becomes reason CONNECTION_FAILED.
Status FromGrpc(int code, const std::string& message);

// A status value the wire may carry, as a Code: numbers this version does not know stay as they are.
inline Code CodeFromWire(std::int32_t code) { return static_cast<Code>(code); }

}  // namespace belay::client
