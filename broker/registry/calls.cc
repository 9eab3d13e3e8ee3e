// Calls that need more than a pin: refused ones, those by bytes, and submitted ones.
#include <cxxabi.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>

#include "broker/registry/pin.h"
#include "broker/registry/refusal.h"
#include "broker/registry/registry.h"

namespace belay::registry {

using base::Code;
using base::Status;

namespace {

Status TooDeep() {
  return Status(Code::kRecursionLimit,
                "calls are nested " + std::to_string(kMaxDepth) + " deep on this thread");
}

bool IsPast(std::int64_t deadline_ns) {
  return deadline_ns != 0 && base::Clock::System().MonotonicNs() >= deadline_ns;
}

// The native call itself, exceptions turned into a status (R9).
Outcome RunNative(Callback& callback, const Request& request) {
  Outcome outcome{{}, Certainty::kStarted, {}};
  const Target& target = callback.origin->target;
  try {
    outcome.status = target.adapter(target.function, callback.context, request, &outcome.reply);
  } catch (abi::__forced_unwind&) {
    throw;  // the thread is being ended: not ours to stop
  } catch (const std::exception& error) {
    outcome.status = Status(Code::kCallbackFailed, error.what(), "EXCEPTION");
  } catch (...) {
    outcome.status = Status(Code::kCallbackFailed,
                            "the callback threw something that is no std::exception", "EXCEPTION");
  }
  return outcome;
}

// pthread_exit or a cancellation on a thread that is the executor's: the works behind this one would never
// be run, so there is nothing to go on with.
[[noreturn]] void DieOfEndedThread(const Callback& callback) {
  std::fprintf(stderr,
               "belay: callback \"%s\" ended the thread of its executor (pthread_exit, or a "
               "cancellation), which is not its own: aborting\n",
               callback.origin->label.c_str());
  std::abort();
}

}  // namespace

AsyncCall::~AsyncCall() {
  if (done_ || callback_ != nullptr) {
    Finish({Status(Code::kAbandoned, "the callback's side dropped the call without answering"),
            Certainty::kStarted,
            {}});
  }
}

void AsyncCall::Finish(Outcome outcome) {
  const Done done = std::exchange(done_, nullptr);
  Callback* const callback = std::exchange(callback_, nullptr);
  if (callback == nullptr) {
    if (done) done(std::move(outcome));
    return;
  }
  // An application's failure, and only that: a refusal before the start is not the callback's.
  if (outcome.status.code() == Code::kCallbackFailed) Registry::CountFailure(*callback);
  Registry::Report(*callback, permit_, outcome.status.code());
  Registry::Uncharge(*callback, *this);
  const AsyncScope scope(*callback);
  if (done) done(std::move(outcome));
}

void AsyncCall::Run() noexcept {
  const std::unique_ptr<AsyncCall> self(this);
  if (IsPast(request.deadline_ns)) {
    Finish({Status(Code::kDeadlineExceeded, "the deadline passed while the call was queued"),
            Certainty::kNotSent,
            {}});
    return;
  }
  Callback& callback = *callback_;
  callback.extra.load(std::memory_order_acquire)->in_flight.fetch_add(1, std::memory_order_seq_cst);
  const AsyncScope scope(callback);
  try {
    Finish(RunNative(callback, request));
  } catch (abi::__forced_unwind&) {
    DieOfEndedThread(callback);
  }
}

void AsyncCall::Refuse(const Status& why) noexcept {
  const std::unique_ptr<AsyncCall> self(this);
  Finish({why, Certainty::kNotSent, {}});
}

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

Status Registry::Refusal(Handle handle) {
  if (HandleTable::Forked()) return HandleTable::ForkedStatus();
  if (DepthExceeded()) return TooDeep();
  const TransientPin pin(handle);
  if (pin.object() == nullptr) return NoObject(handle);
  if (pin.object()->kind != Kind::kCallback) {
    return Misused(handle,
                   Status(Code::kWrongKind, "a " + std::string(KindName(pin.object()->kind)) +
                                                " handle cannot be invoked"));
  }
  auto& callback = static_cast<Callback&>(*pin.object());
  Registry& registry = callback.registry();
  const std::lock_guard lock(registry.mutex_);
  if (auto usable = registry.CheckUsable(callback, SlotOf(handle), kRightInvoke); !usable.ok())
    return usable;
  const Target& target = callback.origin->target;
  if (target.typed != nullptr) {
    return Status(Code::kFailedPrecondition,
                  "callback \"" + callback.origin->label + "\" is typed, " + target.signature +
                      ": pin it and call its function",
                  "TYPED_CALLBACK");
  }
  return {};
}

void Registry::CountFailure(Callback& callback) {
  CallbackExtra* extra = callback.extra.load(std::memory_order_acquire);
  if (extra == nullptr) {
    try {
      const std::lock_guard lock(callback.registry().mutex_);
      extra = &callback.NeedExtra();
    } catch (const std::bad_alloc&) {
      return;  // a failure that is not counted is better than one that makes another
    }
  }
  extra->failures.fetch_add(1, std::memory_order_relaxed);
}

void Registry::CountFailure(Handle handle) {
  const TransientPin pin(handle);
  if (pin.object() != nullptr && pin.object()->kind == Kind::kCallback)
    CountFailure(static_cast<Callback&>(*pin.object()));
}

bool Registry::RunsInline(Handle handle) { return TransientPin(handle).form() == Form::kFast; }

Status Registry::Submit(Handle handle, std::unique_ptr<AsyncCall>& call) {
  if (DepthExceeded()) return TooDeep();
  Callback* callback = nullptr;
  {
    const TransientPin pin(handle);
    if (pin.form() != Form::kGated) {
      Status refusal = Refusal(handle);
      if (!refusal.ok()) return refusal;
      return Status(Code::kUnavailable,
                    "the callback was suspended and resumed in between: try again");
    }
    callback = static_cast<Callback*>(pin.object());
    auto permit = Admit(*callback);
    if (!permit.ok()) return permit.status();
    if (Status charged = Charge(*callback, *call); !charged.ok()) {
      Report(*callback, *permit, charged.code());
      return charged;
    }
    call->permit_ = *permit;
    CallbackExtra& extra = *callback->extra.load(std::memory_order_acquire);
    // Counted while the pin holds the callback: whoever drains it sees the hazard, or else, its clearing being a
    // release and the scan an acquire, the count.
    extra.in_flight.fetch_add(1, std::memory_order_seq_cst);
    extra.submitted.fetch_add(1, std::memory_order_relaxed);
    if (extra.executor != nullptr) {
      Status taken = extra.executor->Enqueue(call.get());
      if (taken.ok()) {
        (void)call.release();
        return {};
      }
      Uncharge(*callback, *call);
      Report(*callback, *permit, taken.code());
      call->callback_ = nullptr;
      extra.submitted.fetch_sub(1, std::memory_order_relaxed);
      const AsyncScope uncount(*callback);
      return taken;
    }
    extra.in_flight.fetch_add(1, std::memory_order_seq_cst);  // that of `start`, below
  }
  const AsyncScope scope(*callback);
  try {
    callback->origin->target.start(callback->context, std::move(call));
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (...) {  // NOLINT(bugprone-empty-catch): the call it was given has ended as ABANDONED
  }
  return {};
}

void Registry::InvokeAsync(Handle handle, Request request, AsyncCall::Done done) {
  auto call = std::make_unique<AsyncCall>(std::move(request), std::move(done));
  if (IsPast(call->request.deadline_ns)) {
    call->Finish({Status(Code::kDeadlineExceeded, "the deadline had passed before the call"),
                  Certainty::kNotSent,
                  {}});
    return;
  }
  {
    const CallPin pin(handle);
    if (pin) {
      // Through the pin: the handle may be released meanwhile.
      Callback& callback = pin.callback();
      Outcome outcome = RunNative(callback, call->request);
      if (outcome.status.code() == Code::kCallbackFailed) CountFailure(callback);
      call->Finish(std::move(outcome));
      return;
    }
  }
  Status refusal = Submit(handle, call);
  if (!refusal.ok()) call->Finish({std::move(refusal), Certainty::kNotSent, {}});
}

Outcome Registry::Invoke(Handle handle, Request request) {
  struct Waiter {
    std::mutex mutex;
    std::condition_variable answered;
    std::optional<Outcome> outcome;
  };
  const std::int64_t deadline_ns = request.deadline_ns;
  // Shared: an answer after the deadline finds it still there.
  const auto waiter = std::make_shared<Waiter>();
  InvokeAsync(handle, std::move(request), [waiter](Outcome outcome) {
    const std::lock_guard lock(waiter->mutex);
    waiter->outcome = std::move(outcome);
    waiter->answered.notify_one();
  });
  std::unique_lock lock(waiter->mutex);
  const auto answered = [&] { return waiter->outcome.has_value(); };
  if (deadline_ns == 0) {
    waiter->answered.wait(lock, answered);
  } else {
    const auto left = std::chrono::nanoseconds(deadline_ns - base::Clock::System().MonotonicNs());
    if (!waiter->answered.wait_for(lock, left, answered)) {
      lock.unlock();
      ReportTimeout(handle);
      return {Status(Code::kDeadlineExceeded, "the callback did not answer before the deadline"),
              Certainty::kSentUnknown,
              {}};
    }
  }
  return std::move(*waiter->outcome);
}

}  // namespace belay::registry
