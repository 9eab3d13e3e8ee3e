// Integers in as few bytes as they need: seven bits each, the lowest first, the top bit set in all but the
// last (LEB128, as in Protocol Buffers: protobuf.dev/programming-guides/encoding, "Base 128 Varints"; by hand, for
// this layer knows no Protocol Buffers and RocksDB does not publish its own).
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>

namespace belay::base {

inline constexpr std::size_t kMaxVarintBytes = 10;

// Returns the end of what it wrote. REQUIRES: room for kMaxVarintBytes at `bytes`.
inline char* StoreVarint(char* bytes, std::uint64_t value) noexcept {
  for (; value >= 0x80; value >>= 7U) *bytes++ = static_cast<char>(value | 0x80U);
  *bytes++ = static_cast<char>(value);
  return bytes;
}

// Returns where the number's bytes end; null if they do not before `end`, or are too many for 64 bits.
inline const char* LoadVarint(const char* bytes, const char* end, std::uint64_t* value) noexcept {
  std::uint64_t sum = 0;
  for (unsigned shift = 0; bytes != end && shift < 64; shift += 7) {
    const auto byte = static_cast<unsigned char>(*bytes++);
    sum |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) {
      *value = sum;
      return shift == 63 && byte > 1 ? nullptr : bytes;
    }
  }
  return nullptr;
}

}  // namespace belay::base
