// Calls by bytes: what the broker's own parts, executors and other processes make; how they end.
//
// Invariants
//   - Every call ends exactly once: answered, refused, or ABANDONED when it is dropped unanswered (R18).
//   - From Registry::Submit until its end a call counts as in flight, and keeps the callback's context (R5).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "broker/base/status.h"
#include "broker/registry/breaker.h"
#include "broker/registry/executor.h"

namespace belay::registry {

class Callback;

// How far a failed call got (W4); the numbers are those on the wire.
enum class Certainty : std::uint8_t { kNone = 0, kNotSent = 1, kSentUnknown = 2, kStarted = 3 };

// A call by bytes, as the broker's own parts make it.
struct Request {
  std::string payload;
  std::int64_t deadline_ns = 0;  // on the monotonic clock; 0: none
  std::string trace_id;          // 16 bytes or empty
  std::string caller;            // shown to the host and in listings
  std::uint64_t parent_id = 0;   // the call in which this one is made; 0: none
};

struct Outcome {
  base::Status status;
  Certainty certainty = Certainty::kNone;
  std::string reply;
};

// One call of a callback that is not run by its caller.
//
// Thread safety: Finish() may be called from any thread, once. Cancel() and cancelled() from any thread while
// the call exists.
class AsyncCall final : public Work {
 public:
  using Done = std::function<void(Outcome)>;
  AsyncCall(Request call_request, Done done)
      : Work(Kind::kCall), request(std::move(call_request)), done_(std::move(done)) {}
  ~AsyncCall();

  void Finish(Outcome outcome);

  // Work: on the thread of the callback's executor.
  void Run() noexcept override;
  void Refuse(const base::Status& why) noexcept override;
  std::size_t size_bytes() const noexcept override { return sizeof *this + request.payload.size(); }

  Request request;

 private:
  friend class Registry;
  Done done_;
  Callback* callback_ = nullptr;     // set while it counts as in flight, which keeps it
  std::uint64_t charged_bytes_ = 0;  // to the budget of the callback's owner
  Breaker::Permit permit_;           // of the callback's breaker
};

}  // namespace belay::registry
