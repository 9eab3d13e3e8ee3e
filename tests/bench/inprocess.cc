// tools/bench inprocess: what Belay costs inside one process, through the C interface of the shared library,
// and what others cost beside it.
//
// Each group of rows runs in a process of its own, one after the other: a million handles of one group must
// be neither in the caches nor in the memory figures of the next. `--only GROUP` runs one group, here.
#include <array>
#include <cstdio>
#include <string>
#include <string_view>

#include "tests/bench/groups.h"
#include "tests/bench/process.h"
#include "tests/bench/report.h"

namespace belay::bench {
namespace {

struct Group {
  std::string_view name;
  void (*add_rows)(Report& report);
};

constexpr std::array kGroups{
    Group{"invoke", InvokeRows},
    Group{"scaling", ScalingRows},
    Group{"random_access", RandomAccessRows},
    Group{"memory", MemoryRows},
    Group{"turnover", TurnoverRows},
    Group{"release_latency", ReleaseLatencyRows},
    Group{"drain", DrainRows},
    Group{"queue_executor", QueueExecutorRows},
    Group{"handmade", HandmadeRows},
    Group{"glib", GlibRows},
    Group{"libffi", LibffiRows},
    Group{"sqlite", SqliteRows},
    Group{"dotnet", DotnetRows},
};

int RunAll() {
  for (const Group& group : kGroups) {
    const int status = RunProgram({ThisProgram(), "--only", std::string(group.name)});
    if (status != 0) {
      std::fprintf(stderr, "inprocess: group %s ended with status %d\n", group.name.data(), status);
      return 2;
    }
  }
  return 0;
}

int RunOnly(std::string_view name) {
  for (const Group& group : kGroups) {
    if (group.name != name) continue;
    Report report;
    group.add_rows(report);
    return 0;
  }
  std::fprintf(stderr, "inprocess: no group %s. One of:", std::string(name).c_str());
  for (const Group& group : kGroups) std::fprintf(stderr, " %s", group.name.data());
  std::fputs("\n", stderr);
  return 2;
}

}  // namespace
}  // namespace belay::bench

int main(int argc, char** argv) {
  if (argc == 1) return belay::bench::RunAll();
  if (argc == 3 && std::string_view(argv[1]) == "--only") return belay::bench::RunOnly(argv[2]);
  std::fputs("usage: inprocess [--only GROUP]\n", stderr);
  return 2;
}
