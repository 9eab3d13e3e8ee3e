// A submitted call: its slot, and the one end that it has.
#include <cstddef>
#include <new>
#include <thread>

#include "broker/base/deadline.h"
#include "broker/registry/call.h"
#include "broker/registry/gate.h"
#include "broker/registry/pin.h"
#include "broker/registry/registry.h"

namespace belay::registry {

using base::Code;
using base::Status;

namespace {

static_assert(sizeof(AsyncCall) <= CallSlot::kCallBytes);

AsyncCall& CallIn(CallSlot& slot) noexcept {
  return *std::launder(reinterpret_cast<AsyncCall*>(slot.call));
}

}  // namespace

void* AsyncCall::operator new(std::size_t) {
  CallSlot* const slot = CallSlots::Get().Take();
  if (slot == nullptr) throw std::bad_alloc();
  return slot->call;
}

void AsyncCall::operator delete(void* memory) noexcept {
  auto* const bytes = static_cast<std::byte*>(memory) - offsetof(CallSlot, call);
  CallSlots::Get().Give(*reinterpret_cast<CallSlot*>(bytes));
}

CallSlot& AsyncCall::SlotOf(const AsyncCall& call) noexcept {
  const auto* const bytes = reinterpret_cast<const std::byte*>(&call) - offsetof(CallSlot, call);
  return *const_cast<CallSlot*>(reinterpret_cast<const CallSlot*>(bytes));
}

AsyncCall::AsyncCall(Request call_request, Done done)
    : Work(Kind::kCall), request(std::move(call_request)), done_(std::move(done)) {
  request.call = this;
  if (request.payload.empty()) request.payload.swap(SlotOf(*this).spare);
  std::atomic<std::uint64_t>& word = SlotOf(*this).word;
  const std::uint64_t generation =
      word.load(std::memory_order_relaxed) >> CallSlot::kGenerationShift;
  // release: whoever finds it live sees all of the above.
  word.store((generation + 1) << CallSlot::kGenerationShift | CallSlot::kLive,
             std::memory_order_release);
}

AsyncCall::~AsyncCall() {
  CallSlot& slot = SlotOf(*this);
  const bool ended = (slot.word.load(std::memory_order_relaxed) & CallSlot::kEnded) != 0;
  if (!ended || callback_ != nullptr) {
    Finish({Status(Code::kAbandoned, "the callback's side dropped the call without answering"),
            Certainty::kStarted,
            {}});
  }
  if (request.payload.capacity() <= CallSlot::kMostSpareBytes) {
    slot.spare = std::move(request.payload);
    slot.spare.clear();
  }
  // From here on its id leads nowhere.
  slot.host.store(0, std::memory_order_relaxed);
  slot.word.fetch_and(~CallSlot::kLive, std::memory_order_release);
}

std::uint64_t AsyncCall::id() const noexcept {
  const CallSlot& slot = SlotOf(*this);
  return slot.Id(slot.word.load(std::memory_order_relaxed));
}

bool AsyncCall::cancelled() const noexcept {
  return (SlotOf(*this).word.load(std::memory_order_relaxed) & CallSlot::kCancelled) != 0;
}

void AsyncCall::Finish(Outcome outcome) {
  std::atomic<std::uint64_t>& word = SlotOf(*this).word;
  Done done;
  if ((word.fetch_or(CallSlot::kEnded, std::memory_order_acq_rel) & CallSlot::kEnded) == 0) {
    done = std::exchange(done_, nullptr);
  } else {
    // Whoever took the completion has it in a moment: the length of a move.
    while ((word.load(std::memory_order_acquire) & CallSlot::kTaking) != 0)
      std::this_thread::yield();
  }
  if (Gate* const gate = std::exchange(gate_, nullptr)) gate->Leave();
  Callback* const callback = std::exchange(callback_, nullptr);
  if (callback == nullptr) {
    if (done) done(std::move(outcome));
    return;
  }
  // An application's failure, and only that: a refusal before the start is not the callback's.
  if (outcome.status.code() == Code::kCallbackFailed) Registry::CountFailure(*callback);
  Registry::Report(*callback, permit_, outcome.status.code());
  Registry::Uncharge(*callback, *this);
  const AsyncScope scope(*callback, id());
  if (done) done(std::move(outcome));
}

bool AsyncCall::Begin() {
  const std::uint64_t word =
      SlotOf(*this).word.fetch_or(CallSlot::kBegun, std::memory_order_acq_rel);
  if ((word & CallSlot::kEnded) != 0) {
    Finish({Status(Code::kCancelled, "cancelled in time"), Certainty::kNotSent, {}});
    return false;
  }
  if (base::IsPast(request.deadline_ns)) {
    Finish({Status(Code::kDeadlineExceeded, "the deadline passed while the call was queued"),
            Certainty::kNotSent,
            {}});
    return false;
  }
  Status begun = Registry::BeginCall(*callback_);
  if (begun.ok()) return true;
  Finish({std::move(begun), Certainty::kNotSent, {}});
  return false;
}

void AsyncCall::Refuse(const Status& why) noexcept {
  const std::unique_ptr<AsyncCall> self(this);
  Finish({why, Certainty::kNotSent, {}});
}

void AsyncCall::HandOver(std::unique_ptr<AsyncCall> call, std::uint64_t host) noexcept {
  const std::uint64_t ticket = call->callback_ == nullptr ? CallSlot::kTicket : 0;
  CallSlot& slot = SlotOf(*call.release());
  slot.host.store(host, std::memory_order_relaxed);
  slot.word.fetch_or(CallSlot::kHandedOut | ticket, std::memory_order_release);
}

std::unique_ptr<AsyncCall> AsyncCall::TakeBack(std::uint64_t id, std::uint64_t host) noexcept {
  CallSlot* const slot = CallSlots::Get().Find(id);
  if (slot == nullptr) return nullptr;
  std::uint64_t word = slot->word.load(std::memory_order_acquire);
  // The word has the generation: it cannot become that of another call between the look and the exchange.
  while (slot->Id(word) == id && (word & CallSlot::kHandedOut) != 0 &&
         slot->host.load(std::memory_order_relaxed) == host) {
    Pause(PausePoint::kTakeBackBeforeExchange);
    if (slot->word.compare_exchange_weak(word, word & ~CallSlot::kHandedOut,
                                         std::memory_order_acq_rel, std::memory_order_acquire))
      return std::unique_ptr<AsyncCall>(&CallIn(*slot));
  }
  return nullptr;
}

// Sets what `bits(word)` says in the word of call `id`. The word before; 0 if the call has ended, or is none.
template <typename Bits>
std::uint64_t AsyncCall::Mark(CallSlot& slot, std::uint64_t id, Bits bits) noexcept {
  std::uint64_t word = slot.word.load(std::memory_order_acquire);
  do {
    constexpr std::uint64_t kAsked = CallSlot::kLive | CallSlot::kEnded | CallSlot::kTicket;
    if (slot.Id(word) != id || (word & kAsked) != CallSlot::kLive) return 0;
    Pause(PausePoint::kMarkBeforeExchange);
  } while (!slot.word.compare_exchange_weak(word, word | bits(word), std::memory_order_acq_rel,
                                            std::memory_order_acquire));
  return word;
}

// REQUIRES: the caller has set kEnded and kTaking.
AsyncCall::Done AsyncCall::TakeDone(CallSlot& slot) noexcept {
  Pause(PausePoint::kTakeDoneBeforeMove);
  Done done = std::exchange(CallIn(slot).done_, nullptr);
  slot.word.fetch_and(~CallSlot::kTaking, std::memory_order_release);
  return done;
}

void AsyncCall::AbandonAll(std::uint64_t host) {
  CallSlots::Get().ForEach([host](CallSlot& slot) {
    const std::uint64_t seen = slot.word.load(std::memory_order_acquire);
    if ((seen & CallSlot::kHandedOut) == 0 || slot.host.load(std::memory_order_relaxed) != host)
      return;
    if (Mark(slot, slot.Id(seen),
             [](std::uint64_t) { return CallSlot::kEnded | CallSlot::kTaking; }) == 0)
      return;
    if (const Done done = TakeDone(slot)) {
      done({Status(Code::kAbandoned,
                   "the queue that the callback runs on was closed before the call was finished"),
            Certainty::kStarted,
            {}});
    }
  });
}

Status AsyncCall::CancelById(std::uint64_t id, Cancel mode) {
  const auto ends = [mode](std::uint64_t word) {
    return mode == Cancel::kForget || (word & CallSlot::kBegun) == 0;
  };
  CallSlot* const slot = CallSlots::Get().Find(id);
  const std::uint64_t word = slot == nullptr ? 0 : Mark(*slot, id, [&](std::uint64_t seen) {
    return CallSlot::kCancelled | (ends(seen) ? CallSlot::kEnded | CallSlot::kTaking : 0);
  });
  if (word == 0) {
    return Status(Code::kNotFound, "there is no such call: it has ended, or never was submitted");
  }
  if (!ends(word)) return {};
  const Done done = TakeDone(*slot);
  if (!done) return {};
  if ((word & CallSlot::kBegun) != 0) {
    done(
        {Status(Code::kCancelled, "the call was cancelled while it ran"), Certainty::kStarted, {}});
  } else {
    done({Status(Code::kCancelled, "the call was cancelled before it began"),
          Certainty::kNotSent,
          {}});
  }
  return {};
}

}  // namespace belay::registry
