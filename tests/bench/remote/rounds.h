// Rounds of calls of an echo, for Alternate() and its like (timing.h).
//
// A round is so long that what several processes do by turns on few processors averages out, and ends with
// nothing in flight: the sides do not disturb each other.
//
// Thread safety: free functions on their arguments only.
#pragma once

#include <sys/types.h>

#include "tests/bench/remote/echo.h"
#include "tests/bench/timing.h"

namespace belay::bench {

inline constexpr int kRounds = 9;

// Calls with `in_flight` of them at a time; the round is the time per call. Makes some before it returns: the
// rounds are of as many calls as go into about a third of a second then. REQUIRES: `echo` outlives the rounds.
Round LoadRound(Echo& echo, int in_flight);

// The same; the round is the processor time that `broker` used, per call.
Round CpuRound(Echo& echo, int in_flight, pid_t broker);

// Calls one at a time; the round is the latency that half of them do not exceed.
Round LatencyRound(Echo& echo);

}  // namespace belay::bench
