// Calls that need more than a pin: refused ones, those by bytes, and asynchronous ones.
#include <cxxabi.h>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <optional>

#include "broker/registry/pin.h"
#include "broker/registry/registry.h"

namespace belay::registry {

using base::Code;
using base::Status;

AsyncCall::~AsyncCall() {
  if (done_ || callback_) {
    Finish({Status(Code::kAbandoned, "the callback's side dropped the call without answering"),
            Certainty::kStarted,
            {}});
  }
}

void AsyncCall::Finish(Outcome outcome) {
  const Done done = std::exchange(done_, nullptr);
  const Ref<Callback> callback = std::move(callback_);
  // An application's failure, and only that: a refusal before the start is not the callback's.
  if (callback && outcome.status.code() == Code::kCallbackFailed) {
    callback->failures.fetch_add(1, std::memory_order_relaxed);
  }
  if (!callback) {
    if (done) done(std::move(outcome));
    return;
  }
  const AsyncScope scope(*callback, callback->async_calls);
  if (done) done(std::move(outcome));
}

AsyncScope::~AsyncScope() {
  tls_async_scope = outer_;
  if (HandleTable::Forked()) return;
  bool awaited = false;
  {
    const std::lock_guard lock(callback_->registry->mutex_);
    awaited = --count_ == 0 && callback_->state != State::kLive;
  }
  if (awaited) HandleTable::Get().Poke();
}

Status Registry::Refusal(Handle handle) {
  if (HandleTable::Forked()) return HandleTable::ForkedStatus();
  if (DepthExceeded()) {
    return Status(Code::kRecursionLimit,
                  "calls are nested " + std::to_string(kMaxDepth) + " deep on this thread");
  }
  const TransientPin pin(handle);
  if (pin.object() == nullptr) return HandleTable::Get().Explain(handle);
  if (pin.object()->kind != Kind::kCallback) {
    return Status(Code::kWrongKind,
                  "a " + std::string(KindName(pin.object()->kind)) + " handle cannot be invoked");
  }
  auto& callback = static_cast<Callback&>(*pin.object());
  const std::lock_guard lock(callback.registry->mutex_);
  if (auto usable = callback.registry->CheckUsable(callback, SlotOf(handle), kRightInvoke);
      !usable.ok())
    return usable;
  if (callback.target.typed != nullptr) {
    return Status(Code::kFailedPrecondition,
                  "callback \"" + callback.label + "\" is typed, " + callback.target.signature +
                      ": pin it and call its function",
                  "TYPED_CALLBACK");
  }
  return {};
}

void Registry::CountFailure(Handle handle) {
  const TransientPin pin(handle);
  if (pin.object() != nullptr) pin.object()->failures.fetch_add(1, std::memory_order_relaxed);
}

bool Registry::RunsInline(Handle handle) {
  const TransientPin pin(handle);
  return pin.object() != nullptr && pin.object()->kind == Kind::kCallback &&
         static_cast<Callback&>(*pin.object()).target.function != nullptr;
}

namespace {

// The native call itself, exceptions turned into a status (R9).
Outcome RunNative(const CallPin& pin, const Request& request) {
  const auto& callback = static_cast<const Callback&>(pin.object());
  Outcome outcome{{}, Certainty::kStarted, {}};
  try {
    outcome.status = callback.target.adapter(callback.target.function, callback.context.get(),
                                             request, &outcome.reply);
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

}  // namespace

void Registry::InvokeAsync(Handle handle, Request request, AsyncCall::Done done) {
  // Destroyed after the locks below, so that refusals are told without them.
  auto call = std::make_unique<AsyncCall>(std::move(request), std::move(done));
  if (const std::int64_t deadline_ns = call->request.deadline_ns;
      deadline_ns != 0 && base::Clock::System().MonotonicNs() >= deadline_ns) {
    call->Finish({Status(Code::kDeadlineExceeded, "the deadline had passed before the call"),
                  Certainty::kNotSent,
                  {}});
    return;
  }
  {
    const CallPin pin(handle);
    if (pin) {
      Outcome outcome = RunNative(pin, call->request);
      // Through the pin: the handle may have been released meanwhile.
      if (outcome.status.code() == Code::kCallbackFailed)
        pin.object().failures.fetch_add(1, std::memory_order_relaxed);
      call->Finish(std::move(outcome));
      return;
    }
  }
  Status refusal = Refusal(handle);
  Ref<Callback> callback;
  if (refusal.ok()) {
    const TransientPin pin(handle);
    if (pin.object() == nullptr) {
      refusal = HandleTable::Get().Explain(handle);
    } else {
      callback = Ref<Callback>(static_cast<Callback*>(pin.object()));
      const std::lock_guard lock(callback->registry->mutex_);
      refusal = callback->registry->CheckUsable(*callback, SlotOf(handle), kRightInvoke);
      if (refusal.ok()) {
        ++callback->async_calls;
        ++callback->async_starts;
        call->callback_ = callback;
      }
    }
  }
  if (!refusal.ok()) {
    call->Finish({std::move(refusal), Certainty::kNotSent, {}});
    return;
  }
  callback->calls.fetch_add(1, std::memory_order_relaxed);
  const AsyncScope scope(*callback, callback->async_starts);
  try {
    callback->target.start(callback->context.get(), std::move(call));
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (...) {  // NOLINT(bugprone-empty-catch): the call it was given has ended as ABANDONED
  }
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
      return {Status(Code::kDeadlineExceeded, "the callback did not answer before the deadline"),
              Certainty::kSentUnknown,
              {}};
    }
  }
  return std::move(*waiter->outcome);
}

}  // namespace belay::registry
