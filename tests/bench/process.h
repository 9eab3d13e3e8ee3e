// Starting another program and waiting for it; waiting for this one.
//
// Thread safety: may be called from any thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace belay::bench {

// Where this program's file is.
std::string ThisProgram();

// Runs the program at path command[0] with this process's environment and streams; its exit status, or 128
// and the signal that ended it. Ends this process with status 2 if there is no such program.
int RunProgram(const std::vector<std::string>& command);

// The processor time that a process has used since it began, in nanoseconds. Ends this process with status 2
// if there is no such process.
double ProcessorNs(pid_t process);

// Returns when the threads of a process have next to nothing to do: what they began in the background
// is done. REQUIRES: nothing is asked of it meanwhile but by the calling thread.
void WaitUntilAtRest(pid_t process);

}  // namespace belay::bench
