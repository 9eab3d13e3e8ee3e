// Lets many readers in at once, and now and then one who needs to be alone.
//
// Readers spread over stripes, so that they do not pass one cache line around. Who wants to be alone
// takes all stripes, and first closes a turnstile: a steady stream of readers cannot keep it out.
//
// Thread safety: any thread. A thread may not enter twice: behind a closed turnstile it would wait
// for itself.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>
#include <shared_mutex>
#include <thread>

namespace belay::storage {

class ReaderGate {
 public:
  using Pass = std::shared_lock<std::shared_mutex>;

  [[nodiscard]] Pass Enter() {
    // Acquire pairs with the release in RunAlone(); a reader that just misses the flag is waited for
    // at its stripe.
    if (closed_.load(std::memory_order_acquire)) const std::lock_guard wait(turnstile_);
    const std::size_t stripe =
        std::hash<std::thread::id>{}(std::this_thread::get_id()) % stripes_.size();
    return Pass(stripes_[stripe].mutex);
  }

  // Runs `action` while no reader is inside.
  template <typename Action>
  auto RunAlone(const Action& action) {
    const std::lock_guard turnstile(turnstile_);
    const Closing closing(*this);
    return action();
  }

 private:
  struct alignas(64) Stripe {
    std::shared_mutex mutex;
  };

  class Closing {
   public:
    explicit Closing(ReaderGate& gate) : gate_(gate) {
      gate_.closed_.store(true, std::memory_order_release);
      for (Stripe& stripe : gate_.stripes_) stripe.mutex.lock();
    }
    ~Closing() {
      for (Stripe& stripe : gate_.stripes_) stripe.mutex.unlock();
      gate_.closed_.store(false, std::memory_order_release);
    }
    Closing(const Closing&) = delete;
    Closing& operator=(const Closing&) = delete;

   private:
    ReaderGate& gate_;
  };

  std::mutex turnstile_;
  std::atomic<bool> closed_{false};
  std::array<Stripe, 16> stripes_;
};

}  // namespace belay::storage
