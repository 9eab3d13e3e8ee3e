// A few numbers at hand, so that not each of them is fetched from where all threads fetch.
//
// Thread safety: none: guarded by the owner's mutex.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace belay::registry {

class Spares {
 public:
  // One of those at hand. If there are none, refill(span) fetches some and returns how many; 0 if it got none.
  template <typename Refill>
  std::uint32_t Take(Refill refill) {
    if (count_ == 0) count_ = refill(std::span(numbers_));
    return count_ == 0 ? 0 : numbers_[--count_];
  }
  // What was taken last, unused.
  void PutBack(std::uint32_t number) noexcept { numbers_[count_++] = number; }
  std::span<const std::uint32_t> all() const noexcept { return std::span(numbers_).first(count_); }
  void Clear() noexcept { count_ = 0; }

 private:
  std::array<std::uint32_t, 32> numbers_;
  std::size_t count_ = 0;
};

}  // namespace belay::registry
