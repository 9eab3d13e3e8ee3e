// Lets many readers in at once, and now and then one who needs to be alone.
//
// Readers are counted in stripes, so that they do not pass one cache line around; to enter and leave
// is an atomic addition each. Who wants to be alone closes the gate, so that a steady stream of
// readers cannot keep it out, and waits for each stripe to be empty.
//
// Why nobody is overlooked: a reader counts itself, then looks whether the gate is closed; who closes
// it does so, then looks at the counts. All four are sequentially consistent, so at least one of the
// two sees the other: either the reader turns back, or it is waited for.
//
// Thread safety: any thread. A thread may not enter twice: behind a closed gate it would wait for
// itself.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace belay::storage {

class ReaderGate {
 private:
  struct alignas(64) Stripe {
    std::atomic<std::uint32_t> readers{0};
  };

 public:
  class Pass {
   public:
    explicit Pass(ReaderGate& gate) : gate_(gate), stripe_(gate.Enter()) {}
    // Release: what the reader did is over for who finds the stripe empty.
    ~Pass() {
      if (stripe_.readers.fetch_sub(1) == 1 && gate_.closed_.load()) stripe_.readers.notify_all();
    }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    ReaderGate& gate_;
    Stripe& stripe_;
  };

  // Runs `action` while no reader is inside.
  template <typename Action>
  auto RunAlone(const Action& action) {
    const std::lock_guard turnstile(turnstile_);
    const Closing closing(*this);
    return action();
  }

 private:
  Stripe& Enter() {
    Stripe& stripe =
        stripes_[std::hash<std::thread::id>{}(std::this_thread::get_id()) % stripes_.size()];
    for (;;) {
      stripe.readers.fetch_add(1);
      if (!closed_.load()) return stripe;
      if (stripe.readers.fetch_sub(1) == 1) stripe.readers.notify_all();
      const std::lock_guard wait(turnstile_);  // until the gate is open again
    }
  }

  class Closing {
   public:
    explicit Closing(ReaderGate& gate) : gate_(gate) {
      gate_.closed_.store(true);
      for (Stripe& stripe : gate_.stripes_) {
        while (const std::uint32_t readers = stripe.readers.load()) stripe.readers.wait(readers);
      }
    }
    ~Closing() { gate_.closed_.store(false); }
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
