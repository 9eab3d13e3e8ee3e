// Calls by bytes: what the broker's own parts, executors and other processes make; how they end.
//
// Invariants
//   - Every call ends exactly once: answered, refused, cancelled, or ABANDONED when it is dropped unanswered
//     (R18). Its completion runs once, then, under no lock.
//   - From Registry::Submit until it is dropped a call counts as in flight, and keeps the callback's context
//     (R5): also when it was cancelled meanwhile, for the callback may be running it.
//   - A call that was cancelled, or whose deadline passed, before it began is never begun, and says kNotSent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "broker/base/status.h"
#include "broker/registry/breaker.h"
#include "broker/registry/call_slot.h"
#include "broker/registry/executor.h"

namespace belay::registry {

class AsyncCall;
class Callback;
class Gate;

// How far a failed call got (W4); the numbers are those on the wire.
enum class Certainty : std::uint8_t { kNone = 0, kNotSent = 1, kSentUnknown = 2, kStarted = 3 };

// A call by bytes, as the broker's own parts make it.
struct Request {
  std::string payload;
  std::int64_t deadline_ns = 0;     // on the monotonic clock; 0: none
  std::string trace_id;             // 16 bytes or empty
  std::string caller;               // shown to the host and in listings
  std::uint64_t caller_handle = 0;  // the owner on whose behalf; 0: not said
  std::uint64_t parent_id = 0;      // the call in which this one is made; 0: none
  const AsyncCall* call = nullptr;  // the call it belongs to
};

struct Outcome {
  base::Status status;
  Certainty certainty = Certainty::kNone;
  std::string reply;
};

// What to do with a call that has begun; one that has not is never begun, in either mode.
enum class Cancel : std::uint8_t {
  kForget = 1,  // end it for its caller now, CANCELLED; the callback may run on
  kAsk = 2,     // let the callback know (cancelled()); the call ends as the callback ends it
};

// One call of a callback that is not run by its caller. Lives in a slot of its own (call_slot.h).
//
// Thread safety: Finish(), Begin() and HandOver() belong to whoever owns the call; the rest is any thread's while
// the call exists, and the static functions any thread's at any time.
class AsyncCall final : public Work {
 public:
  using Done = std::function<void(Outcome)>;
  AsyncCall(Request call_request, Done done);
  ~AsyncCall();
  // Throws std::bad_alloc, also when CallSlots::kMost calls have not ended.
  static void* operator new(std::size_t size_bytes);
  static void operator delete(void* memory) noexcept;

  std::uint64_t id() const noexcept;
  bool cancelled() const noexcept;

  // Ends it, unless it was cancelled. The owner then drops it.
  void Finish(Outcome outcome);
  // Right before the callback runs. If it says no, it must not run, and the call has ended: drop it.
  bool Begin();
  // Takes back an unused completion: the caller of Registry::SubmitCall() is told by its status.
  void Discard() noexcept { done_ = nullptr; }

  // Gives a begun call, or a ticket (a call of no callback), to `host`, which ends it by its id.
  static void HandOver(std::unique_ptr<AsyncCall> call, std::uint64_t host) noexcept;
  // What `host` was given under this id, once; null if it has been ended, or `host` never had it.
  static std::unique_ptr<AsyncCall> TakeBack(std::uint64_t id, std::uint64_t host) noexcept;
  // Ends, as ABANDONED, all calls that `host` was given and has not ended. Their contexts stay: the host may
  // still be running them.
  static void AbandonAll(std::uint64_t host);

  // NOT_FOUND: it has ended, or there never was such a call.
  static base::Status CancelById(std::uint64_t id, Cancel mode);

  // Runs it on the calling thread, which has seen to it that the callback stays.
  void RunHere(Callback& callback);
  // Work: on the thread of the callback's executor.
  void Run() noexcept override;
  void Refuse(const base::Status& why) noexcept override;
  std::size_t size_bytes() const noexcept override { return sizeof *this + request.payload.size(); }

  // It is only an id for something else that a host finishes.
  bool is_ticket() const noexcept { return callback_ == nullptr; }
  // REQUIRES: it was submitted and has not been finished.
  Callback& callback() const noexcept { return *callback_; }

  Request request;
  // For the door that hands the call to its host: what it makes of it there.
  static constexpr std::size_t kRoomBytes = 112;
  alignas(8) std::byte room[kRoomBytes];

 private:
  friend class Registry;

  static CallSlot& SlotOf(const AsyncCall& call) noexcept;
  template <typename Bits>
  static std::uint64_t Mark(CallSlot& slot, std::uint64_t id, Bits bits) noexcept;
  static Done TakeDone(CallSlot& slot) noexcept;

  Done done_;
  Callback* callback_ = nullptr;     // set while it counts as in flight, which keeps it
  Gate* gate_ = nullptr;             // that it is in
  std::uint64_t charged_bytes_ = 0;  // to the budget of the callback's owner
  Breaker::Permit permit_;           // of the callback's breaker
};

}  // namespace belay::registry
