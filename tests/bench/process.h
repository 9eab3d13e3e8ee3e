// Starting another program and waiting for it; waiting for this one.
//
// Thread safety: may be called from any thread.
#pragma once

#include <string>
#include <vector>

namespace belay::bench {

// Where this program's file is.
std::string ThisProgram();

// Runs the program at path command[0] with this process's environment and streams; its exit status, or 128
// and the signal that ended it. Ends this process with status 2 if there is no such program.
int RunProgram(const std::vector<std::string>& command);

// Returns when the threads of this process have next to nothing to do: what they began in the background
// is done. REQUIRES: the calling thread is the only one that is kept busy from outside.
void WaitUntilAtRest();

}  // namespace belay::bench
