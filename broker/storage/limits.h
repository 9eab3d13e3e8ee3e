// The store's bounds, in one place: every refusal names the bound and what was asked for.
#pragma once

#include <cstddef>

namespace belay::storage {

inline constexpr std::size_t kMaxKeyBytes = std::size_t{64} << 10;
inline constexpr std::size_t kMaxValueBytes = std::size_t{64} << 20;
// Keys and values of one batch together: room for one value of the greatest size with its key.
inline constexpr std::size_t kMaxBatchBytes = kMaxValueBytes + kMaxKeyBytes;
inline constexpr std::size_t kMaxBatchOperations = 10'000;
// Keys that the ranges of one batch delete together: they are all in one commit.
inline constexpr std::size_t kMaxDeletedKeys = 100'000;
inline constexpr std::size_t kMaxReadKeys = 10'000;

}  // namespace belay::storage
