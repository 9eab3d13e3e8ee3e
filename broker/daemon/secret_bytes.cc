#include "broker/daemon/secret_bytes.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

namespace belay::daemon {

void FillWithRandom(std::span<char> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
    // Only a signal stops it; a system without the call is none that this runs on.
    if (got < 0 && errno != EINTR) std::abort();
    if (got > 0) bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

bool EqualInConstantTime(std::span<const char> one, std::span<const char> other) {
  if (one.size() != other.size()) return false;
  int difference = 0;
  for (std::size_t i = 0; i < one.size(); ++i) difference |= one[i] ^ other[i];
  return difference == 0;
}

}  // namespace belay::daemon
