// Shrinking: the smallest part of a program that still fails.
//
// Delta debugging (Zeller's ddmin): deletes halves, quarters, and so on down to single operations, for as long
// as what is left fails; then makes operands 0 that need not be anything else.
//
// Invariants
//   - What Shrink() returns fails, and no longer does with any one of its operations deleted.
//   - Its operations are the program's, in the program's order, but for operands that became 0.
//
// Thread safety: pure, but for what `fails` does.
#pragma once

#include <functional>

#include "tests/model/programs/op.h"

namespace belay::programs {

// REQUIRES: fails(program), and fails() answers the same each time it is asked.
Program Shrink(Program program, const std::function<bool(const Program&)>& fails);

}  // namespace belay::programs
