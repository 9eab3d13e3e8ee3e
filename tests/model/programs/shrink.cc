#include "tests/model/programs/shrink.h"

#include <algorithm>

namespace belay::programs {
namespace {

using Fails = std::function<bool(const Program&)>;

Program Without(const Program& program, std::size_t from, std::size_t count) {
  Program rest(program.begin(), program.begin() + static_cast<std::ptrdiff_t>(from));
  rest.insert(rest.end(), program.begin() + static_cast<std::ptrdiff_t>(from + count),
              program.end());
  return rest;
}

// True if anything of `size` operations in a row could be deleted.
bool DeleteRuns(Program& program, std::size_t size, const Fails& fails) {
  bool deleted = false;
  for (std::size_t from = 0; from < program.size();) {
    Program rest = Without(program, from, std::min(size, program.size() - from));
    if (fails(rest)) {
      program = std::move(rest);
      deleted = true;
    } else {
      from += size;
    }
  }
  return deleted;
}

void ZeroOperands(Program& program, const Fails& fails) {
  for (Op& op : program) {
    for (std::uint8_t Op::*const operand : {&Op::a, &Op::b, &Op::c}) {
      const std::uint8_t kept = op.*operand;
      if (kept == 0) continue;
      op.*operand = 0;
      if (!fails(program)) op.*operand = kept;
    }
  }
}

}  // namespace

Program Shrink(Program program, const Fails& fails) {
  for (std::size_t size = std::max<std::size_t>(1, program.size() / 2);; size /= 2) {
    // Single operations until none can go: each deletion may free another, before it, too.
    while (DeleteRuns(program, size, fails) && size == 1) {
    }
    if (size == 1) break;
  }
  const std::size_t before = program.size();
  ZeroOperands(program, fails);
  while (DeleteRuns(program, 1, fails)) {
  }
  return program.size() < before ? Shrink(std::move(program), fails) : program;
}

}  // namespace belay::programs
