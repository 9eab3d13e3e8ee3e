// An outcome in whatever message of the wire has a `status` and a `payload`. A failure that a host has told has
// its CalleeError in the place of a reply.
//
// Thread safety: pure functions.
#pragma once

#include <utility>

#include "belay/v1/status.pb.h"
#include "broker/daemon/status_wire.h"
#include "broker/registry/call.h"

namespace belay::daemon {

template <typename Message>
void SetOutcome(registry::Outcome&& outcome, Message& wire) {
  if (outcome.status.ok()) {
    wire.set_payload(std::move(outcome.reply));
  } else {
    ToWire(outcome.status, outcome.certainty, wire.mutable_status());
    if (!outcome.reply.empty())
      wire.mutable_status()->mutable_callee()->ParseFromString(outcome.reply);
  }
}

}  // namespace belay::daemon
