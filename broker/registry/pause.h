// Pause points: places where a test stops a thread in the middle of an operation, to drive a race through its
// window.
//
// In what is shipped Pause() is empty. The registry is built once more for tests, with BELAY_PAUSES defined; there it
// calls the hook that the test has set (pause_test_util.h).
//
// Thread safety: any thread.
#pragma once

#if defined(BELAY_PAUSES)
#include <atomic>
#endif

namespace belay::registry {

enum class PausePoint {
  kCallBeforeCheck,         // the hazard is set, the key not yet read
  kRegisterBeforeLock,      // the owner is pinned
  kRetainBeforeLock,        // the handle is pinned
  kReleaseBeforeLock,       // the handle is pinned
  kReleaseUnderLock,        // the registry's mutex is held
  kUnregisterBeforeLock,    // the handle is pinned
  kPinTypedBeforeLock,      // the handle is pinned
  kDrainBeforeWait,         // the callback is seen to drain; the mutex is free
  kSubmitBeforeCount,       // the handle is pinned and gated
  kSubmitBeforeRecheck,     // the call is counted as in flight
  kSubmitBeforeBegin,       // the call is inside its gate
  kAdmitBeforeLock,         // the breaker is seen not to be closed
  kPollBeforeHandingOver,   // works are off the queue, and the host has not got them
  kMarkBeforeExchange,      // the call is seen to be live
  kTakeBackBeforeExchange,  // the call is seen to be the host's
  kTakeDoneBeforeMove,      // the call has ended, and its completion is still in it
  kCountBeforeNap,          // a thread's count was read, and found in the middle of a move
};

#if defined(BELAY_PAUSES)
using PauseHook = void (*)(PausePoint point);
inline std::atomic<PauseHook> pause_hook{nullptr};
inline void Pause(PausePoint point) {
  if (const PauseHook hook = pause_hook.load(std::memory_order_acquire)) hook(point);
}
#else
inline void Pause(PausePoint) {}
#endif

}  // namespace belay::registry
