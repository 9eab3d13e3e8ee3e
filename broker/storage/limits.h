// The store's bounds, in one place: every refusal names the bound and what was asked for.
#pragma once

#include <cstddef>

namespace belay::storage {

inline constexpr std::size_t kMaxKeyBytes = std::size_t{64} << 10;
inline constexpr std::size_t kMaxValueBytes = std::size_t{64} << 20;
// Keys and values of one batch together: room for one value of the greatest size with its key.
inline constexpr std::size_t kMaxBatchBytes = kMaxValueBytes + kMaxKeyBytes;
inline constexpr std::size_t kMaxBatchOperations = 10'000;

}  // namespace belay::storage
