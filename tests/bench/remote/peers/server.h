// Starting a peer's server: a program of the system, with an end that this process waits for.
//
// Thread safety: one thread at a time.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace belay::bench {

// The path of a server's program. Ends the process with status 2, saying what to do, if it is not installed.
std::string ServerProgram(std::string_view name);

// Returns when `is_up` says so. Ends the process with status 2 if that takes longer than ten seconds.
void WaitUntilUp(std::string_view server, const std::function<bool()>& is_up);

}  // namespace belay::bench
