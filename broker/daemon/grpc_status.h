// Statuses for gRPC itself, where a method ends with one. Codes from 32 on are Belay's own and have
// none in gRPC: FAILED_PRECONDITION stands for them, and the text begins with the code's name.
#pragma once

#include <grpcpp/support/status.h>

#include "broker/base/status.h"

namespace belay::daemon {

inline grpc::Status ToGrpc(const base::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const auto code = static_cast<int>(status.code());
  return {code <= 16 ? static_cast<grpc::StatusCode>(code) : grpc::StatusCode::FAILED_PRECONDITION,
          status.ToString()};
}

}  // namespace belay::daemon
