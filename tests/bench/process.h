// Starting another program and waiting for it.
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

}  // namespace belay::bench
