// Waiting for what comes from elsewhere and has no event.
//
// Thread safety: any thread.
#pragma once

#include <chrono>
#include <thread>

namespace belay::client {

// Waits until `is_true` holds; false after ten seconds.
template <typename Predicate>
bool Eventually(Predicate is_true) {
  for (int i = 0; i < 2000; ++i) {
    if (is_true()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

}  // namespace belay::client
