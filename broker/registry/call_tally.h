// How many calls of a callback were submitted, and how many of them still hold it.
//
// Those who submit calls and those who end them are mostly different threads, and a cache line that both write goes to
// and fro between their processors. So each side has a count in a line of its own, and what is in flight is the
// difference.
//
// Invariant: a hold ends after it began, so no moment has more ends than beginnings.
//
// Memory order. All are sequentially consistent: a reaper that has changed a callback's slots and then finds none in
// flight knows that whoever begins to hold it later sees the slots changed (Registry::Submit, R5). in_flight()
// looks at the ends first: what it says is at least what was in flight when it looked at the beginnings.
//
// Thread safety: any thread. Once its last hold has ended, the callback may be gone.
#pragma once

#include <atomic>
#include <cstdint>

namespace belay::registry {

class CallTally {
 public:
  void Hold(std::uint32_t times) noexcept { begun_.fetch_add(times, std::memory_order_seq_cst); }
  void Drop() noexcept { ended_.fetch_add(1, std::memory_order_seq_cst); }
  std::uint32_t in_flight() const noexcept {
    const std::uint32_t ended = ended_.load(std::memory_order_seq_cst);
    return begun_.load(std::memory_order_seq_cst) - ended;
  }

  // Statistics: calls, gated ones, and pins of typed callbacks.
  void CountSubmitted() noexcept { submitted_.fetch_add(1, std::memory_order_relaxed); }
  void TakeBackSubmitted() noexcept { submitted_.fetch_sub(1, std::memory_order_relaxed); }
  std::uint64_t submitted() const noexcept { return submitted_.load(std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<std::uint32_t> begun_{0};  // wraps, as `ended_` does
  std::atomic<std::uint64_t> submitted_{0};
  alignas(64) std::atomic<std::uint32_t> ended_{0};
};

}  // namespace belay::registry
