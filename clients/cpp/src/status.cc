// Names of codes and certainties; the text form of a status.
#include "belay/client/status.h"

namespace belay::client {

std::string_view CodeName(Code code) noexcept {
  switch (code) {
    case Code::kOk: return "OK";
    case Code::kCancelled: return "CANCELLED";
    case Code::kUnknown: return "UNKNOWN";
    case Code::kInvalidArgument: return "INVALID_ARGUMENT";
    case Code::kDeadlineExceeded: return "DEADLINE_EXCEEDED";
    case Code::kNotFound: return "NOT_FOUND";
    case Code::kAlreadyExists: return "ALREADY_EXISTS";
    case Code::kPermissionDenied: return "PERMISSION_DENIED";
    case Code::kResourceExhausted: return "RESOURCE_EXHAUSTED";
    case Code::kFailedPrecondition: return "FAILED_PRECONDITION";
    case Code::kAborted: return "ABORTED";
    case Code::kOutOfRange: return "OUT_OF_RANGE";
    case Code::kUnimplemented: return "UNIMPLEMENTED";
    case Code::kInternal: return "INTERNAL";
    case Code::kUnavailable: return "UNAVAILABLE";
    case Code::kDataLoss: return "DATA_LOSS";
    case Code::kUnauthenticated: return "UNAUTHENTICATED";
    case Code::kStale: return "STALE";
    case Code::kWrongKind: return "WRONG_KIND";
    case Code::kMalformed: return "MALFORMED";
    case Code::kUnregistered: return "UNREGISTERED";
    case Code::kRevoked: return "REVOKED";
    case Code::kQuarantined: return "QUARANTINED";
    case Code::kSuspended: return "SUSPENDED";
    case Code::kOwnerClosed: return "OWNER_CLOSED";
    case Code::kHostLost: return "HOST_LOST";
    case Code::kClosed: return "CLOSED";
    case Code::kCallbackFailed: return "CALLBACK_FAILED";
    case Code::kBufferTooSmall: return "BUFFER_TOO_SMALL";
    case Code::kBusy: return "BUSY";
    case Code::kWouldDeadlock: return "WOULD_DEADLOCK";
    case Code::kRecursionLimit: return "RECURSION_LIMIT";
    case Code::kCompacted: return "COMPACTED";
    case Code::kAbandoned: return "ABANDONED";
    case Code::kStaleEpoch: return "STALE_EPOCH";
    case Code::kEnd: return "END";
  }
  return "UNKNOWN";
}

std::string_view CertaintyName(Certainty certainty) noexcept {
  switch (certainty) {
    case Certainty::kUnspecified: return "";
    case Certainty::kNotSent: return "not_sent";
    case Certainty::kSentUnknown: return "sent_unknown";
    case Certainty::kStarted: return "started";
  }
  return "";
}

std::string Status::ToString() const {
  std::string text(CodeName(code));
  if (!reason.empty() && reason != text) text += " (" + reason + ")";
  if (!message.empty()) text += ": " + message;
  if (certainty != Certainty::kUnspecified) {
    text += " [";
    text += CertaintyName(certainty);
    text += "]";
  }
  return text;
}

}  // namespace belay::client
