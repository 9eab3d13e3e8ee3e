// The command line, as a function, so that tests can call it.
#pragma once

namespace belay::ctl {

// Parses the command line, runs the verb, returns the exit code (exit_code.h).
int Main(int argc, char** argv);

}  // namespace belay::ctl
