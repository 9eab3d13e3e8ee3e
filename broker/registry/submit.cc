// Submitted calls on their way in: through a gate, to an executor, or to another process.
//
// A call is admitted by the callback's breaker, charged to its owner, counted as in flight, and only then given
// away; whatever refuses it takes back what came before.
#include <cxxabi.h>

#include "broker/base/deadline.h"
#include "broker/registry/gate.h"
#include "broker/registry/pin.h"
#include "broker/registry/refusal.h"
#include "broker/registry/registry.h"

namespace belay::registry {

using base::Code;
using base::Status;

namespace {

// Why a handle that is not gated cannot be submitted to.
Status NotGated(Handle handle) {
  Status refusal = Registry::Refusal(handle);
  if (!refusal.ok()) return refusal;
  return Status(Code::kUnavailable, "the callback was suspended and resumed in between: try again");
}

// REQUIRES: the callback is gated.
bool RunsOnCaller(const Callback& callback) {
  return callback.extra.load(std::memory_order_acquire)->executor == nullptr &&
         callback.origin->target.start == nullptr;
}

// Ids of calls that their caller runs through a gate: beyond those of slots.
std::uint64_t NextGatedId() {
  static std::atomic<std::uint64_t> last{0};
  constexpr std::uint64_t kMark = std::uint64_t{3} << 61U;
  return kMark | last.fetch_add(1, std::memory_order_relaxed);
}

class GatePass {
 public:
  explicit GatePass(Gate& gate) : gate_(gate) {}
  GatePass(const GatePass&) = delete;
  GatePass& operator=(const GatePass&) = delete;
  ~GatePass() { gate_.Leave(); }

 private:
  Gate& gate_;
};

// Counts calls of a gated callback as in flight, while its handle is pinned. False: the handle is not gated any
// more, and the calls must not begin; they are counted all the same, for an AsyncScope each to end.
//
// A pin of the library's own keeps the callback's memory, not its context: that is for calls. Either this sees
// that the slot changed its form, or the reaper, which looks at the counts after forms were changed, sees the
// count: all four are sequentially consistent (R5).
bool CountInFlight(Handle handle, CallbackExtra& extra, std::uint32_t calls) {
  Pause(PausePoint::kSubmitBeforeCount);
  extra.calls.Hold(calls);
  Pause(PausePoint::kSubmitBeforeRecheck);
  return HandleTable::Get().slot(SlotOf(handle)).key.load(std::memory_order_seq_cst) ==
         KeyOf(handle, Form::kGated);
}

// A first look, without a pin: what is gated would only be refused by one of a call.
bool LooksGated(Handle handle) {
  const ThreadRecord* const record = tls_record;
  if (record == nullptr || record->slots == nullptr) return false;
  const Slot& slot = record->slots[SlotOf(handle) & (HandleTable::kSlots - 1)];
  return slot.key.load(std::memory_order_relaxed) == KeyOf(handle, Form::kGated);
}

}  // namespace

Status Registry::Charge(Callback& callback, AsyncCall& call) {
  Owner& owner = callback.owner();
  const OwnerBudget& budget = owner.options.budget;
  if (budget.max_calls_in_flight != 0 &&
      owner.calls_in_flight.fetch_add(1, std::memory_order_relaxed) >= budget.max_calls_in_flight) {
    owner.calls_in_flight.fetch_sub(1, std::memory_order_relaxed);
    return OverBudget(owner, "calls in flight", budget.max_calls_in_flight);
  }
  const std::uint64_t bytes = call.request.payload.size();
  if (budget.max_queued_bytes != 0) {
    const std::uint64_t before = owner.queued_bytes.fetch_add(bytes, std::memory_order_relaxed);
    if (before + bytes > budget.max_queued_bytes) {
      owner.queued_bytes.fetch_sub(bytes, std::memory_order_relaxed);
      if (budget.max_calls_in_flight != 0)
        owner.calls_in_flight.fetch_sub(1, std::memory_order_relaxed);
      return OverBudget(owner, "bytes of requests queued", budget.max_queued_bytes);
    }
  }
  call.charged_bytes_ = bytes;
  call.callback_ = &callback;
  return {};
}

void Registry::Uncharge(Callback& callback, const AsyncCall& call) noexcept {
  Owner& owner = callback.owner();
  const OwnerBudget& budget = owner.options.budget;
  if (budget.max_calls_in_flight != 0)
    owner.calls_in_flight.fetch_sub(1, std::memory_order_relaxed);
  if (budget.max_queued_bytes != 0)
    owner.queued_bytes.fetch_sub(call.charged_bytes_, std::memory_order_relaxed);
}

Status Registry::BeginCall(Callback& callback) {
  Gate* const gate = callback.extra.load(std::memory_order_acquire)->gate.get();
  if (gate == nullptr || !gate->once()) return {};
  if (Status begun = gate->Begin(); !begun.ok()) return begun;
  Registry& registry = callback.registry();
  {
    const std::lock_guard lock(registry.mutex_);
    registry.BeginDrain(callback, Code::kFailedPrecondition);
  }
  HandleTable::Get().Poke();
  return {};
}

// A gated inline callback counts as in flight while its caller waits at the gate, which keeps it.
Status Registry::RunGated(Handle handle, std::int64_t deadline_ns,
                          const std::function<void(Callback&)>& run) {
  if (DepthExceeded()) return TooDeep();
  Callback* callback = nullptr;
  {
    const TransientPin pin(handle);
    if (pin.form() != Form::kGated) return NotGated(handle);
    callback = static_cast<Callback*>(pin.object());
    if (!CountInFlight(handle, *callback->extra.load(std::memory_order_acquire), 1)) {
      const AsyncScope uncount(*callback, 0);
      return NotGated(handle);
    }
  }
  const bool inside = InsideCallOf([&](const Object& object) { return &object == callback; });
  const AsyncScope scope(*callback, NextGatedId());
  Gate& gate = *callback->extra.load(std::memory_order_acquire)->gate;
  Status entered = gate.Enter(inside ? Gate::Caller::kInside : Gate::Caller::kOutside, deadline_ns);
  if (!entered.ok()) {
    if (entered.code() != Code::kUnregistered) return entered;
    const std::lock_guard lock(callback->registry().mutex_);
    return DeadCallback(*callback);
  }
  const GatePass pass(gate);
  Pause(PausePoint::kSubmitBeforeBegin);
  if (Status begun = BeginCall(*callback); !begun.ok()) return begun;
  callback->extra.load(std::memory_order_acquire)->calls.CountSubmitted();
  run(*callback);
  return {};
}

bool Registry::IsGatedInline(Handle handle) {
  const TransientPin pin(handle);
  return pin.form() == Form::kGated && RunsOnCaller(static_cast<Callback&>(*pin.object()));
}

Status Registry::Submit(Handle handle, std::unique_ptr<AsyncCall>& call) {
  if (DepthExceeded()) return TooDeep();
  Callback* callback = nullptr;
  {
    const TransientPin pin(handle);
    if (pin.form() != Form::kGated) return NotGated(handle);
    callback = static_cast<Callback*>(pin.object());
    CallbackExtra& extra = *callback->extra.load(std::memory_order_acquire);
    if (extra.executor != nullptr) return Enqueue(handle, *callback, extra, call);
    if (callback->origin->target.start != nullptr) {
      if (Status taken = CountIn(*callback, *call); !taken.ok()) return taken;
      // Twice: for the call, and for `start` below.
      if (!CountInFlight(handle, extra, 2)) {
        CountOut(*callback, *call, Code::kUnregistered);
        const AsyncScope one(*callback, 0);
        const AsyncScope two(*callback, 0);
        return NotGated(handle);
      }
    }
  }
  if (call->callback_ == nullptr) {
    return RunGated(handle, call->request.deadline_ns,
                    [&](Callback& gated) { call->RunHere(gated); });
  }
  const AsyncScope scope(*callback, call->id());
  try {
    callback->origin->target.start(callback->context, std::move(call));
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (...) {  // NOLINT(bugprone-empty-catch): the call it was given has ended as ABANDONED
  }
  return {};
}

// REQUIRES: the callback is pinned.
Status Registry::Enqueue(Handle handle, Callback& callback, CallbackExtra& extra,
                         std::unique_ptr<AsyncCall>& call) {
  if (extra.gate != nullptr) {
    if (Status entered = extra.gate->Enter(Gate::Caller::kOutside, 0); !entered.ok())
      return entered;
  }
  Status taken = CountIn(callback, *call);
  if (taken.ok()) {
    call->gate_ = extra.gate.get();
    taken =
        CountInFlight(handle, extra, 1) ? extra.executor->Enqueue(call.get()) : NotGated(handle);
    if (taken.ok()) {
      (void)call.release();
      return {};
    }
    CountOut(callback, *call, taken.code());
    call->gate_ = nullptr;
    const AsyncScope uncount(callback, 0);
  }
  if (extra.gate != nullptr) extra.gate->Leave();
  return taken;
}

Status Registry::CountIn(Callback& callback, AsyncCall& call) {
  auto permit = Admit(callback);
  if (!permit.ok()) return permit.status();
  if (Status charged = Charge(callback, call); !charged.ok()) {
    Report(callback, *permit, charged.code());
    return charged;
  }
  call.permit_ = *permit;
  callback.extra.load(std::memory_order_acquire)->calls.CountSubmitted();
  return {};
}

void Registry::CountOut(Callback& callback, AsyncCall& call, Code outcome) {
  Uncharge(callback, call);
  Report(callback, call.permit_, outcome);
  call.callback_ = nullptr;
  callback.extra.load(std::memory_order_acquire)->calls.TakeBackSubmitted();
}

Status Registry::SubmitCall(Handle handle, std::unique_ptr<AsyncCall>& call) {
  if (base::IsPast(call->request.deadline_ns)) {
    return Status(Code::kDeadlineExceeded, "the deadline had passed before the call");
  }
  if (!LooksGated(handle)) {
    const CallPin pin(handle);
    if (pin) {
      // Through the pin: the handle may be released meanwhile.
      call->RunHere(pin.callback());
      return {};
    }
  }
  return Submit(handle, call);
}

}  // namespace belay::registry
