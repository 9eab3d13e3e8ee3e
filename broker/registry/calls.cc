// Calls that need more than a pin: refused ones, and those by bytes.
#include <cxxabi.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>

#include "broker/base/deadline.h"
#include "broker/registry/pin.h"
#include "broker/registry/refusal.h"
#include "broker/registry/registry.h"

namespace belay::registry {

using base::Code;
using base::Status;

namespace {

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

void AsyncCall::RunHere(Callback& callback) {
  Outcome outcome = RunNative(callback, request);
  if (outcome.status.code() == Code::kCallbackFailed) Registry::CountFailure(callback);
  Finish(std::move(outcome));
}

void AsyncCall::Run() noexcept {
  const std::unique_ptr<AsyncCall> self(this);
  if (!Begin()) return;
  Callback& callback = *callback_;
  callback.extra.load(std::memory_order_acquire)->calls.Hold(1);
  const AsyncScope scope(callback, id());
  try {
    Finish(RunNative(callback, request));
  } catch (abi::__forced_unwind&) {
    DieOfEndedThread(callback);
  }
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
  const auto lock = registry.LockIfLive(handle);
  if (!lock) return NoObject(handle);
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

void Registry::InvokeAsync(Handle handle, Request request, AsyncCall::Done done) {
  auto call = std::make_unique<AsyncCall>(std::move(request), std::move(done));
  Status refusal = SubmitCall(handle, call);
  if (!refusal.ok()) call->Finish({std::move(refusal), Certainty::kNotSent, {}});
}

// OK unless the calling thread is inside a call that the callback's executor runs, and must return before it runs
// another.
Status Registry::CheckMayWait(Handle handle) {
  const TransientPin pin(handle);
  if (pin.form() != Form::kGated) return {};
  const auto executor_of = [](const Object& object) -> const Executor* {
    const auto* extra = static_cast<const Callback&>(object).extra.load(std::memory_order_acquire);
    return extra == nullptr ? nullptr : extra->executor;
  };
  const Executor* const executor = executor_of(*pin.object());
  if (executor == nullptr || !executor->RunsOneAtATime()) return {};
  if (!InsideCallOf([&](const Object& object) { return executor_of(object) == executor; }))
    return {};
  return Status(Code::kWouldDeadlock,
                "callback \"" + std::string(pin.object()->label()) +
                    "\" runs on the strand that this call is made from, after it: submit the call "
                    "instead of waiting for it");
}

Outcome Registry::Invoke(Handle handle, Request request) {
  if (Status refusal = CheckMayWait(handle); !refusal.ok())
    return {std::move(refusal), Certainty::kNotSent, {}};
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
  } else if (!waiter->answered.wait_until(lock, base::TimePointOf(deadline_ns), answered)) {
    lock.unlock();
    ReportTimeout(handle);
    return {Status(Code::kDeadlineExceeded, "the callback did not answer before the deadline"),
            Certainty::kSentUnknown,
            {}};
  }
  return std::move(*waiter->outcome);
}

}  // namespace belay::registry
