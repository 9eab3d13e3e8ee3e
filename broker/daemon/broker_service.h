// The gRPC service belay.v1.Broker as it is served: Session by bytes, both methods on the loop.
#pragma once

#include "belay/v1/session.grpc.pb.h"

namespace belay::daemon {

using BrokerService =
    v1::Broker::WithRawMethod_Session<v1::Broker::WithAsyncMethod_Invoke<v1::Broker::Service>>;

}  // namespace belay::daemon
