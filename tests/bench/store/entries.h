// The keys and values of all rows: 16-byte keys, distinct values that do not compress.
//
// Made before anything is timed: keys lie in the order in which they are used, values are parts of one block
// of noise.
//
// Thread safety: Keys and Values are constant; a Cycle belongs to one thread.
#pragma once

#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/process.h"
#include "tests/bench/store/engine.h"

namespace belay::bench {

inline constexpr std::size_t kKeyBytes = 16;
inline constexpr std::size_t kValueBytes = 100;  // of rows that do not say otherwise
inline constexpr std::size_t kKeys = 100'000;    // the same

using Key = std::array<char, kKeyBytes>;

// The keys of the numbers 0 to `count` - 1, in their order, or in no order (but the same in every run).
std::vector<Key> KeysInOrder(std::size_t count);
std::vector<Key> KeysInNoOrder(std::size_t count);

// Of `size_bytes` each.
class Values {
 public:
  explicit Values(std::size_t size_bytes);

  std::string_view Of(std::size_t number) const {
    return std::string_view(noise_).substr(number * kStride % (noise_.size() - size_bytes_),
                                           size_bytes_);
  }

 private:
  static constexpr std::size_t kStride = 257;

  std::size_t size_bytes_;
  std::string noise_;
};

// Entries in the order of `keys`, again and again. REQUIRES: both outlive it.
class Cycle {
 public:
  Cycle(std::span<const Key> keys, const Values& values, std::size_t first)
      : keys_(keys), values_(&values), at_(first % keys.size()) {}

  Entry Next() {
    if (++at_ == keys_.size()) at_ = 0;
    const Key& key = keys_[at_];
    return {std::string_view(key.data(), key.size()), values_->Of(at_)};
  }

 private:
  std::span<const Key> keys_;
  const Values* values_;
  std::size_t at_;
};

// Puts an entry for each of `keys`.
void Fill(Engine& engine, std::span<const Key> keys, const Values& values);

// An engine with such entries, opened anew, and at rest: what it holds lies in files then, as some time after a
// restart. Of an engine that compacts all of it has been: what is compared are two engines, and not how far each
// happens to have got with that.
template <typename E>
std::unique_ptr<E> OpenFilled(const std::string& folder, Durability durability,
                              std::span<const Key> keys) {
  {
    E filling(folder, Durability::kAsync);
    Fill(filling, keys, Values(kValueBytes));
    if constexpr (requires { filling.Compact(); }) filling.Compact();
  }
  auto engine = std::make_unique<E>(folder, durability);
  WaitUntilAtRest(getpid());
  return engine;
}

}  // namespace belay::bench
