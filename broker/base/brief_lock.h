// Locking a mutex that is never held for long.
//
// A thread that finds std::mutex taken sleeps, and is woken by a system call: microseconds on both sides. Where the
// mutex is held for some tens of nanoseconds, trying a few times more is over sooner.
//
// Thread safety: as std::mutex.
#pragma once

#include <atomic>
#include <mutex>

namespace belay::base {

// What a thread does in a loop in which it waits for another: lets the processor's other thread have its units.
inline void SpinPause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
}

inline std::unique_lock<std::mutex> LockBriefly(std::mutex& mutex) {
  constexpr int kTries = 64;
  std::unique_lock lock(mutex, std::try_to_lock);
  for (int tries = 0; !lock && tries < kTries; ++tries) {
    SpinPause();
    (void)lock.try_lock();
  }
  if (!lock) lock.lock();
  return lock;
}

}  // namespace belay::base
