// Statuses and outcomes between the broker's form and the wire's.
//
// Thread safety: every function may be called from any thread.
#pragma once

#include <string>
#include <string_view>

#include "broker/base/status.h"
#include "broker/registry/callback.h"

namespace belay::v1 {
class Status;
}  // namespace belay::v1

namespace belay::daemon {

// Not for OK, which the wire expresses by absence.
void ToWire(const base::Status& status, v1::Status* wire);
void ToWire(const base::Status& status, registry::Certainty certainty, v1::Status* wire);

// What callers get for the status with which a host ended a call: CALLBACK_FAILED with the host's
// reason and message; OK for an absent one.
base::Status FromHost(const v1::Status& wire);
// What else it tells, as a CalleeError in bytes: what a failed call has in the place of a reply.
std::string CalleeErrorOf(const v1::Status& wire);

// `text` with whatever could disturb a log line or a terminal made visible, cut at 255 bytes.
std::string Printable(std::string_view text);

}  // namespace belay::daemon
