// The groups of rows of the remote suite, one file each. `belayd` is the path of the program.
//
// Each measures, adds its rows, and ends the processes that it began. README.md says what the rows mean.
#pragma once

#include <string>

#include "tests/bench/report.h"

namespace belay::bench {

void SessionRows(Report& report, const std::string& belayd);    // session.cc
void UnaryRows(Report& report, const std::string& belayd);      // unary.cc
void ScaleRows(Report& report, const std::string& belayd);      // scale.cc
void NeighbourRows(Report& report, const std::string& belayd);  // neighbour.cc

// What others do, beside a session of ours.
void PeerRows(Report& report, const std::string& belayd);  // peers/rows.cc

}  // namespace belay::bench
