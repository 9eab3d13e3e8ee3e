// Bytes that nobody can guess, and how they are compared.
//
// Thread safety: pure functions, any thread.
#pragma once

#include <cstddef>
#include <span>

namespace belay::daemon {

// Of the system's randomness (getrandom, which blocks until the system has some).
void FillWithRandom(std::span<char> bytes);

// Takes the same time whatever the two have in common. Texts of different sizes are different.
bool EqualInConstantTime(std::span<const char> one, std::span<const char> other);

}  // namespace belay::daemon
