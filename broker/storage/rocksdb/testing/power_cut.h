// Programs on a store whose power goes in the middle, and what must be there when it is back.
//
// Thread safety: works on a folder of its own.
#pragma once

#include <cstddef>
#include <cstdint>

namespace belay::storage {

enum class Loss {
  kUnsynced,  // the power went: what was not synced is gone
  kNothing,   // only the process died: what was written to a file is there
};

// What a cycle was like. What is wrong with it fails the running test.
struct CutCycle {
  std::size_t acknowledged = 0;  // commits
  bool was_cut = false;          // false: the program had ended before
};

// A short fixed program, cut off after that many file operations of its own. It creates a store,
// commits, closes it, opens it again, which writes files anew, and commits more.
CutCycle CutProgramAfter(int file_operations, Loss loss);

// The same program, crashed when it has committed and is about to close; the store is opened again,
// and crashes again after that many file operations of its recovery and of what comes then.
CutCycle CutRecoveryAfter(int file_operations, Loss loss);

// Several writers, a mix of sync and async, and the power goes somewhere among them.
CutCycle CutWriters(std::uint64_t seed);

}  // namespace belay::storage
