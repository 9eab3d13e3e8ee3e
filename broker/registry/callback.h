// A callback: the inseparable triple of function, context and release function (R3), and its state (R4).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/status.h"
#include "broker/registry/breaker.h"
#include "broker/registry/call.h"
#include "broker/registry/call_tally.h"
#include "broker/registry/gate.h"
#include "broker/registry/object.h"
#include "broker/registry/object_arena.h"
#include "broker/registry/origin.h"

namespace belay::registry {

// A context that somebody handed over, and the one run of its release function: whoever destroys this
// runs it. Movable, so that a context is always owned exactly once, also while a registration fails.
class OwnedContext {
 public:
  OwnedContext() = default;
  OwnedContext(void* context, ReleaseFunction run) : context_(context), release_(run) {}
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
  ReleaseFunction release() const noexcept { return release_; }
  // Whoever calls this sees to the one run from now on.
  void* Detach() noexcept {
    release_ = nullptr;
    return std::exchange(context_, nullptr);
  }
  // Runs the release function now, and never again. User code: no lock may be held. One that throws has
  // run (R9): there is nobody to tell, and the next context must not suffer for it.
  void Run() noexcept {
    const auto run = std::exchange(release_, nullptr);
    if (run == nullptr) return;
    try {
      run(std::exchange(context_, nullptr));
    } catch (...) {  // NOLINT(bugprone-empty-catch)
    }
  }

 private:
  void* context_ = nullptr;
  ReleaseFunction release_ = nullptr;
};

struct CallbackSpec {
  Target target;
  OwnedContext context;
  std::string label;
  std::string site;
  // Where it and its release function run; null: on the caller's thread, and the reaper's. `executor_keeper`
  // keeps it alive.
  Executor* executor = nullptr;
  std::shared_ptr<void> executor_keeper;
  // When its infrastructure fails, if it runs elsewhere.
  BreakerOptions breaker{.threshold = 8};
  // At most so many calls at a time. With an executor only OnFull::kReject, of calls queued or running.
  GateOptions gate;
};

// kSuspended and kQuarantined are LIVE and refuse calls for a while.
enum class State : std::uint8_t {
  kLive = 1,
  kDraining = 2,
  kReleased = 3,
  kSuspended = 4,
  kQuarantined = 5,
};

constexpr std::string_view StateName(State state) noexcept {
  switch (state) {
    case State::kLive: return "live";
    case State::kDraining: return "draining";
    case State::kReleased: return "released";
    case State::kSuspended: return "suspended";
    case State::kQuarantined: return "quarantined";
  }
  return "unknown";
}

// The run of a callback's release function on its executor.
class ReleaseWork final : public Work {
 public:
  explicit ReleaseWork(Callback& callback) : Work(Kind::kRelease), callback_(callback) {}
  void Run() noexcept override;
  void Refuse(const base::Status&) noexcept override { Run(); }

  // For a host that runs the release function itself: what to run. Nothing to run: it has been acknowledged.
  struct Task {
    ReleaseFunction function = nullptr;
    void* context = nullptr;
  };
  Task HandOver() noexcept;
  // The host has run it; then `this` is gone.
  void Acknowledge() noexcept;
  std::size_t size_bytes() const noexcept override { return sizeof *this; }

 private:
  Callback& callback_;  // alive: the reaper's reference is handed over
};

// What only some callbacks need: those that are pinned, watched while they drain, run elsewhere, or fail.
struct CallbackExtra {
  CallbackExtra(Callback& callback, const BreakerOptions& a_breaker)
      : breaker_options(a_breaker), breaker(breaker_options), release_work(callback) {}

  // Guarded by the registry's mutex.
  std::uint32_t pins = 0;
  std::vector<OwnedContext> drain_notices;

  // Held by calls submitted and not yet ended, and by `start` functions running: they use the context even after
  // the answer. Sequentially consistent: see HandleTable::reapers_awaiting_calls.
  CallTally calls;
  std::atomic<std::uint64_t> failures{0};  // relaxed: statistics

  // Constant from the registration on, but for the breaker, which is safe by itself.
  const BreakerOptions breaker_options;
  Breaker breaker;
  Executor* executor = nullptr;
  std::shared_ptr<void> executor_keeper;
  std::unique_ptr<Gate> gate;
  ReleaseWork release_work;
};

// Lives in a cell of the arena: a program may have a million of them.
class Callback final : public Object {
 public:
  Callback(std::uint32_t cell, OriginRef callback_origin) noexcept
      : Object(Kind::kCallback), origin(std::move(callback_origin)) {
    id = cell;
  }
  ~Callback() override;
  std::string_view label() const override { return origin->label; }

  // Written under the registry's mutex. acquire/release: who sees kReleased, without it, sees as well what the
  // release function has done.
  State state() const noexcept { return state_.load(std::memory_order_acquire); }
  void set_state(State state) noexcept { state_.store(state, std::memory_order_release); }
  // Guarded by the registry's mutex, and so is the refusal.
  bool is_live() const noexcept {
    return state() != State::kDraining && state() != State::kReleased;
  }
  base::Code refusal() const noexcept { return static_cast<base::Code>(refusal_); }
  void set_refusal(base::Code code) noexcept { refusal_ = static_cast<std::uint8_t>(code); }

  enum Flag : std::uint8_t {
    kDropContext = 1,  // its release function must not run: see Registry::DetachOwner
    kAwaited = 2,      // somebody waits for its release: whoever releases it tells at once
  };
  bool has(Flag flag) const noexcept {
    return (flags_.load(std::memory_order_relaxed) & flag) != 0;
  }
  // REQUIRES: the registry's mutex is held. Relaxed: the reaper looks without it, and needs no more than a hint
  // where that makes a difference.
  void set(Flag flag) noexcept {
    flags_.store(flags_.load(std::memory_order_relaxed) | flag, std::memory_order_relaxed);
  }

 private:
  std::atomic<State> state_{State::kLive};
  std::atomic<std::uint8_t> flags_{0};
  std::uint8_t refusal_ = 0;  // why calls are refused for good, once draining

 public:
  const OriginRef origin;
  // Numbers of callbacks: of the owner's list, or the reaper's while draining.
  std::uint32_t owner_prev = 0;
  std::uint32_t owner_next = 0;
  void* context = nullptr;  // its release function runs once: by the reaper, when DRAINING is over
  // Made when first needed, never replaced. release/acquire: whoever sees it sees what it holds.
  std::atomic<CallbackExtra*> extra{nullptr};

  // REQUIRES: the registry's mutex is held, or nobody else knows the callback yet. Throws std::bad_alloc.
  // The breaker's options are those of the first call.
  CallbackExtra& NeedExtra(const BreakerOptions& breaker = {.threshold = 0});
  std::uint32_t in_flight() const noexcept {
    const CallbackExtra* more = extra.load(std::memory_order_acquire);
    return more == nullptr ? 0 : more->calls.in_flight();
  }
  // REQUIRES: the registry's mutex is held.
  std::uint32_t pins() const noexcept {
    const CallbackExtra* more = extra.load(std::memory_order_acquire);
    return more == nullptr ? 0 : more->pins;
  }
};

// Callbacks in the order in which they came, linked through owner_next. Guarded by the registry's mutex.
struct CallbackQueue {
  std::uint32_t first = 0;
  std::uint32_t last = 0;  // undefined if there is no first

  bool empty() const noexcept { return first == 0; }
  void PushBack(Callback& callback) noexcept;
  // REQUIRES: !empty()
  Callback& PopFront() noexcept;
  // Puts `more` behind what there is, and empties it.
  void Append(CallbackQueue& more) noexcept;
};

// A typed callback that somebody may call directly until the pin is released (R11).
class Pin final : public Object {
 public:
  explicit Pin(Ref<Callback> target) : Object(Kind::kPin), callback(std::move(target)) {}
  std::string_view label() const override { return callback->label(); }
  const Ref<Callback> callback;
};

}  // namespace belay::registry
