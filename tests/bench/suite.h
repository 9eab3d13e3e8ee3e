// The main program of a suite: its groups of rows, each in a process of its own, one after the other.
//
// What one group leaves behind (handles, pages, threads, caches) must be neither in the caches nor in the
// memory figures of the next.
//
// Thread safety: none needed: called from main() alone.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/report.h"

namespace belay::bench {

struct Group {
  std::string_view name;
  std::function<void(Report& report)> add_rows;
};

struct Suite {
  std::string_view name;
  std::vector<Group> groups;
  // What main() took from the command line before it came here: words that every group's process gets, too.
  std::vector<std::string> options;
};

// Runs all groups, or here and now the one that `--only GROUP` in `arguments` names. The exit status.
int RunSuite(const Suite& suite, const std::vector<std::string>& arguments);

}  // namespace belay::bench
