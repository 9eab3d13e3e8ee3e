// The reference model of the registry: what may happen to a callback, in as few words as possible.
//
// For each callback it keeps, in atomics, what threads have *begun* to do to it and what they have *done*.
// Of two operations that overlap either may come first; so a result is allowed if it fits what has begun,
// and required if it follows from what was done before the operation started.
//
// Each check names the invariant it stands for. A violation prints it and ends the process with status 3.
//
// Thread safety: everything here may be used from any thread. The orders are acquire and release where one
// side's knowledge must reach the other, and relaxed where the registry itself owes the ordering: a
// stronger one here would hide from ThreadSanitizer what is missing there.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "broker/base/status.h"
#include "broker/registry/handle.h"

namespace belay::model {

using base::Code;
using registry::Handle;

inline constexpr int kViolationStatus = 3;
inline constexpr std::size_t kMaxThreads = 32;

[[noreturn]] inline void Violation(const char* invariant, const std::string& what) {
  std::fprintf(stderr, "VIOLATED %s: %s\n", invariant, what.c_str());
  std::fflush(stderr);
  std::_Exit(kViolationStatus);
}

// Something that starts, and later has ended; in between it may or may not have taken effect.
class Act {
 public:
  void Begin() { begun_.store(true, std::memory_order_release); }
  void Done() { done_.store(true, std::memory_order_release); }
  bool begun() const { return begun_.load(std::memory_order_acquire); }
  bool done() const { return done_.load(std::memory_order_acquire); }

 private:
  std::atomic<bool> begun_{false};
  std::atomic<bool> done_{false};
};

// The end of the whole registry.
inline Act& RegistryClose() {
  static Act close;
  return close;
}

struct OwnerModel {
  Handle handle = 0;
  Act close;
};

struct HandleModel {
  Handle handle = 0;
  std::uint32_t rights = 0;
  std::shared_ptr<OwnerModel> holder;
  bool is_counted = false;  // its holder cannot close without its callback's owner closing, too
  Act release;
  std::atomic<int> tries{0};
  std::atomic<int> successes{0};

  bool MayBeStale() const { return release.begun() || holder->close.begun(); }
  bool MustBeStale() const { return release.done() || holder->close.done(); }
};

enum class CallKind : std::uint8_t { kInline, kTyped, kAsync };

// One callback; its context.
struct CallbackModel {
  static constexpr std::uint64_t kMagic = 0xb31a'ca11'b4c5'0000;
  static constexpr std::size_t kMaxHandles = 8;

  std::uint64_t magic = kMagic;
  CallKind kind = CallKind::kInline;
  std::shared_ptr<OwnerModel> owner;
  Act unregister;
  Act revoke;
  std::atomic<bool> drained{false};
  std::atomic<int> references{0};  // counted handles that certainly exist
  std::atomic<int> pins{0};        // pins that certainly exist
  std::atomic<int> in_call{0};
  std::atomic<int> releases{0};
  std::atomic<std::uint64_t> calls{0};
  // Written by calls and read by the release function, with nothing but the registry to order them.
  std::array<std::uint64_t, kMaxThreads> plain{};

  std::array<HandleModel, kMaxHandles> handles;
  std::atomic<std::size_t> handle_count{0};  // handles below it are published
  std::atomic<std::size_t> handle_claim{0};

  bool MayBeRefused(Code code) const {
    switch (code) {
      case Code::kUnregistered: return unregister.begun();
      case Code::kRevoked: return revoke.begun();
      case Code::kOwnerClosed: return owner->close.begun();
      default: return false;
    }
  }
  bool MayDrain() const {
    return unregister.begun() || revoke.begun() || owner->close.begun() || RegistryClose().begun();
  }
  bool MustDrain() const { return unregister.done() || revoke.done() || owner->close.done(); }

  // A call of it begins, on thread `thread`.
  void Enter(std::size_t thread) {
    if (magic != kMagic) Violation("R5", "called with a context that is none");
    in_call.fetch_add(1, std::memory_order_relaxed);
    if (releases.load(std::memory_order_relaxed) != 0)
      Violation("R5", "called after its release function ran");
    if (drained.load(std::memory_order_acquire))
      Violation("R7", "called after a drain had returned");
    ++plain[thread];
    calls.fetch_add(1, std::memory_order_relaxed);
  }
  void Leave(std::size_t thread) {
    ++plain[thread];
    if (releases.load(std::memory_order_relaxed) != 0)
      Violation("R5", "its release function ran during a call");
    in_call.fetch_sub(1, std::memory_order_relaxed);
  }
  // Its release function runs.
  void Released() {
    if (magic != kMagic) Violation("R3", "released with a context that is none");
    if (const int now = in_call.load(std::memory_order_relaxed); now != 0) {
      Violation("R5", "its release function ran during " + std::to_string(now) + " calls");
    }
    for (std::uint64_t& count : plain) count = 0;
    if (pins.load(std::memory_order_acquire) != 0)
      Violation("R11", "its release function ran while it was pinned");
    if (references.load(std::memory_order_acquire) > 0 && !MayDrain()) {
      Violation("R2",
                "its release function ran while somebody holds a handle that nobody released");
    }
    if (releases.fetch_add(1, std::memory_order_relaxed) != 0)
      Violation("R3", "its release function ran twice");
  }
};

// What was done to a callback before an operation on one of its handles began.
struct Before {
  Before(const CallbackModel& callback, const HandleModel& handle)
      : must_be_stale(handle.MustBeStale()), must_drain(callback.MustDrain()) {}
  bool must_be_stale;
  bool must_drain;
};

// Judges what an operation on `handle` answered, other than OK.
inline bool IsAllowedRefusal(Code code, const CallbackModel& callback, const HandleModel& handle,
                             std::uint32_t right) {
  if (code == Code::kStale) return handle.MayBeStale();
  if (code == Code::kPermissionDenied) return (handle.rights & right) != right;
  return callback.MayBeRefused(code);
}

}  // namespace belay::model
