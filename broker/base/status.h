// Errors as values: every fallible function of the broker returns a Status or a Result<T>.
//
// The codes are those of the C ABI (`belay_status` in belay.h): values are never reused, those below
// 32 equal gRPC's codes, so that no layer translates numbers.
//
// Thread safety: values; distinct objects may be used from distinct threads.
#pragma once

#include <cassert>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace belay::base {

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
  // Belay's own, from 32 on.
  kStale = 32,           // the handle was valid once and is released
  kWrongKind = 33,       // a live handle of another kind
  kMalformed = 34,       // never was a handle
  kUnregistered = 35,    // its owner unregistered the callback
  kRevoked = 36,         // an administrator revoked it
  kQuarantined = 37,     // its circuit breaker is open
  kSuspended = 38,       // reversibly stopped
  kOwnerClosed = 39,     // the owner that registered it is closed
  kHostLost = 40,        // the process that ran it is gone
  kClosed = 41,          // the broker is closed, or this process is a fork of its process
  kCallbackFailed = 42,  // the callback ran and reported failure, or threw
  kBufferTooSmall = 43,  // the reply is kept; its size is told
  kBusy = 44,            // exclusive object in use by another thread
  kWouldDeadlock = 45,   // a wait for oneself
  kRecursionLimit = 46,  // calls nested too deep
  kCompacted = 47,       // the revision asked for is no longer retained
  kAbandoned = 48,       // a reply was dropped unanswered
  kStaleEpoch = 49,      // the broker restarted since
  kEnd = 50,             // a cursor has no more rows
};

// "STALE", "INVALID_ARGUMENT", ...; "UNKNOWN" for a value without a name.
std::string_view CodeName(Code code) noexcept;

// What went wrong, for a program (code, reason) and for a person (message).
class [[nodiscard]] Status {
 public:
  Status() = default;  // OK
  // `reason` must be a string literal in UPPER_SNAKE_CASE, stable over versions; empty: the code's name.
  Status(Code code, std::string message, std::string_view reason = {})
      : code_(code), reason_(reason), message_(std::move(message)) {}

  bool ok() const noexcept { return code_ == Code::kOk; }
  Code code() const noexcept { return code_; }
  std::string_view reason() const noexcept { return reason_.empty() ? CodeName(code_) : reason_; }
  const std::string& message() const noexcept { return message_; }
  // "STALE: handle 0x... was released"
  std::string ToString() const;

 private:
  Code code_ = Code::kOk;
  std::string_view reason_;
  std::string message_;
};

// A value or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : held_(std::move(value)) {}        // NOLINT: implicit by intent
  Result(Status status) : held_(std::move(status)) {  // NOLINT: as above
    assert(!std::get<Status>(held_).ok());
  }

  bool ok() const noexcept { return std::holds_alternative<T>(held_); }
  const Status& status() const noexcept {
    static const Status done;
    const Status* failed = std::get_if<Status>(&held_);
    return failed == nullptr ? done : *failed;
  }
  Code code() const noexcept { return status().code(); }

  // REQUIRES: ok()
  T& value() & { return *std::get_if<T>(&held_); }
  const T& value() const& { return *std::get_if<T>(&held_); }
  T&& value() && { return std::move(*std::get_if<T>(&held_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<Status, T> held_;
};

}  // namespace belay::base
