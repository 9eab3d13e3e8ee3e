// How operations on a remote broker end: a status that a program and a person can read, and for calls
// how far they got.
//
// The codes are those of belay.h (`belay_status`), which are also those of the wire. This header needs
// neither gRPC, protobuf nor libbelay.
//
// Thread safety: values; distinct objects may be used from distinct threads.
#pragma once

#include <cassert>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace belay::client {

// Values are never reused; those below 32 equal gRPC's.
enum class Code : std::int32_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
  kStale = 32,
  kWrongKind = 33,
  kMalformed = 34,
  kUnregistered = 35,
  kRevoked = 36,
  kQuarantined = 37,
  kSuspended = 38,
  kOwnerClosed = 39,
  kHostLost = 40,
  kClosed = 41,
  kCallbackFailed = 42,
  kBufferTooSmall = 43,
  kBusy = 44,
  kWouldDeadlock = 45,
  kRecursionLimit = 46,
  kCompacted = 47,
  kAbandoned = 48,
  kStaleEpoch = 49,
  kEnd = 50,
};

// "STALE", "INVALID_ARGUMENT", ...; "UNKNOWN" for a value without a name.
std::string_view CodeName(Code code) noexcept;

// What a caller may conclude about a failed call's side effects.
enum class Certainty : std::int32_t {
  kUnspecified = 0,  // it succeeded, or was no call
  kNotSent = 1,      // the host never got it: repeating is safe
  kSentUnknown = 2,  // it was on its way; it may or may not have run
  kStarted = 3,      // the callback began to run
};

// "not_sent", "sent_unknown", "started"; "" when unspecified.
std::string_view CertaintyName(Certainty certainty) noexcept;

// Reason of a status that means: there was no broker to talk to, or the connection to it broke.
inline constexpr std::string_view kConnectionFailed = "CONNECTION_FAILED";

// What a callback's side says of its failure beside reason and message, as google.rpc.ErrorInfo does.
struct CalleeError {
  std::int32_t code = 0;  // that it failed with; callers get CALLBACK_FAILED as the status's own
  std::string domain;     // whose reasons these are, "payments.example.com"
  std::map<std::string, std::string> metadata;  // with `domain` at most 4,096 bytes
};

struct [[nodiscard]] Status {
  Code code = Code::kOk;
  std::string reason;   // UPPER_SNAKE_CASE, stable; empty: the code's name
  std::string message;  // for people
  Certainty certainty = Certainty::kUnspecified;
  std::shared_ptr<const CalleeError> callee;  // null if nothing was said

  Status() = default;  // OK
  Status(Code c, std::string m, std::string_view r = {},
         Certainty how_far = Certainty::kUnspecified)
      : code(c), reason(r), message(std::move(m)), certainty(how_far) {}

  bool ok() const noexcept { return code == Code::kOk; }
  std::string_view Reason() const noexcept { return reason.empty() ? CodeName(code) : reason; }
  // "UNAVAILABLE (CONNECTION_FAILED): the broker closed the connection [sent_unknown]"
  std::string ToString() const;
};

// A value, or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}  // NOLINT: implicit by intent
  Result(Status status) : status_(std::move(status)) { assert(!status_.ok()); }  // NOLINT: as above

  bool ok() const noexcept { return value_.has_value(); }
  const Status& status() const noexcept { return status_; }
  Code code() const noexcept { return status_.code; }

  // REQUIRES: ok()
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return *std::move(value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  Status status_;
  std::optional<T> value_;
};

}  // namespace belay::client
