// Fixed-width integers to and from bytes: little-endian for row blocks and records, big-endian for
// keys whose order matters.
//
// Thread safety: pure functions.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace belay::base {

static_assert(std::endian::native == std::endian::little,
              "row blocks are read in place on little-endian machines");

// REQUIRES: `bytes` has at least sizeof(T) bytes.
template <typename T>
T LoadLittle(const char* bytes) noexcept {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

template <typename T>
void AppendLittle(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename T>
void StoreLittle(char* bytes, T value) noexcept {
  std::memcpy(bytes, &value, sizeof value);
}

// REQUIRES: `bytes` has at least 8 bytes.
inline std::uint64_t LoadBig64(const char* bytes) noexcept {
  return __builtin_bswap64(LoadLittle<std::uint64_t>(bytes));
}

inline void AppendBig64(std::string& out, std::uint64_t value) {
  AppendLittle(out, __builtin_bswap64(value));
}

}  // namespace belay::base
