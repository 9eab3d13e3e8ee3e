// A callback: the inseparable triple of function, context and release function (R3), and its state (R4).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/status.h"
#include "broker/registry/handle_table.h"
#include "broker/registry/object.h"

namespace belay::registry {

using ReleaseFunction = void (*)(void* context);
using TypedFunction = void (*)();

// A context that somebody handed over, and the one run of its release function: whoever destroys this
// runs it. Movable, so that a context is always owned exactly once, also while a registration fails.
class OwnedContext {
 public:
  OwnedContext() = default;
  OwnedContext(void* context, ReleaseFunction release) : context_(context), release_(release) {}
  OwnedContext(OwnedContext&& other) noexcept
      : context_(std::exchange(other.context_, nullptr)),
        release_(std::exchange(other.release_, nullptr)) {}
  OwnedContext& operator=(OwnedContext other) noexcept {
    std::swap(context_, other.context_);
    std::swap(release_, other.release_);
    return *this;
  }
  ~OwnedContext() { Run(); }

  void* get() const noexcept { return context_; }
  // Runs the release function now, and never again. User code: no lock may be held. One that throws has
  // run (R9): there is nobody to tell, and the next context must not suffer for it.
  void Run() noexcept {
    const auto release = std::exchange(release_, nullptr);
    if (release == nullptr) return;
    try {
      release(std::exchange(context_, nullptr));
    } catch (...) {  // NOLINT(bugprone-empty-catch)
    }
  }

 private:
  void* context_ = nullptr;
  ReleaseFunction release_ = nullptr;
};

// How far a failed call got (W4); the numbers are those on the wire.
enum class Certainty : std::uint8_t { kNone = 0, kNotSent = 1, kSentUnknown = 2, kStarted = 3 };

// A call by bytes, as the broker's own parts make it.
struct Request {
  std::string payload;
  std::int64_t deadline_ns = 0;  // on the monotonic clock; 0: none
  std::string trace_id;          // 16 bytes or empty
  std::string caller;            // shown to the host and in listings
};

struct Outcome {
  base::Status status;
  Certainty certainty = Certainty::kNone;
  std::string reply;
};

class Callback;

// One call of a callback whose function answers later. Ends exactly once: by Finish(), or as ABANDONED
// when it is destroyed unanswered (R18). The callback stays in flight until then.
//
// Thread safety: Finish() may be called from any thread, once.
class AsyncCall {
 public:
  using Done = std::function<void(Outcome)>;
  AsyncCall(Request call_request, Done done)
      : request(std::move(call_request)), done_(std::move(done)) {}
  AsyncCall(const AsyncCall&) = delete;
  AsyncCall& operator=(const AsyncCall&) = delete;
  ~AsyncCall();

  void Finish(Outcome outcome);

  Request request;

 private:
  friend class Registry;
  Done done_;
  Ref<Callback> callback_;  // set while it counts as in flight
};

// The three ways in which a callback is called; exactly one of `function`, `typed` and `start` is set.
struct Target {
  // In-process by the C ABI's struct; `adapter` makes such a call from bytes.
  NativeFunction function = nullptr;
  base::Status (*adapter)(NativeFunction function, void* context, const Request& request,
                          std::string* reply) = nullptr;
  // In-process by its own C signature, through a pin.
  TypedFunction typed = nullptr;
  std::string signature;
  // Elsewhere: begins a call and returns at once. Called on the invoking thread, under no lock.
  void (*start)(void* context, std::unique_ptr<AsyncCall> call) = nullptr;
};

struct CallbackSpec {
  Target target;
  OwnedContext context;
  std::string label;
  std::string site;
};

enum class State : std::uint8_t { kLive = 1, kDraining = 2, kReleased = 3 };

class Callback final : public Object {
 public:
  Callback(Registry* callback_registry, CallbackSpec spec)
      : Object(Kind::kCallback, callback_registry),
        target(std::move(spec.target)),
        context(std::move(spec.context)) {
    label = std::move(spec.label);
    site = std::move(spec.site);
  }

  const Target target;

  // Guarded by the registry's mutex, but for `context`, which only the reaper touches once DRAINING.
  OwnedContext context;
  State state = State::kLive;
  base::Code refusal = base::Code::kOk;  // why calls are refused, when not live
  std::uint32_t pins = 0;
  std::uint32_t async_calls = 0;  // begun and not yet answered
  std::uint32_t async_starts =
      0;                // `start` functions running: they use the context even after the answer
  bool fenced = false;  // a heavy fence came after the last slot was marked slow
  std::vector<OwnedContext> drain_notices;
  Callback* owner_prev = nullptr;  // of the owner's list, or the reaper's while draining
  Callback* owner_next = nullptr;
};

// A typed callback that somebody may call directly until the pin is released (R11).
class Pin final : public Object {
 public:
  Pin(Registry* pin_registry, Ref<Callback> target)
      : Object(Kind::kPin, pin_registry), callback(std::move(target)) {}
  const Ref<Callback> callback;
};

}  // namespace belay::registry
