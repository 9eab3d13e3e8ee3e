#include "tests/bench/suite.h"

#include <cstdio>

#include "tests/bench/process.h"

namespace belay::bench {
namespace {

int RunAll(const Suite& suite) {
  for (const Group& group : suite.groups) {
    std::vector<std::string> command{ThisProgram()};
    command.insert(command.end(), suite.options.begin(), suite.options.end());
    command.insert(command.end(), {"--only", std::string(group.name)});
    const int status = RunProgram(command);
    if (status != 0) {
      std::fprintf(stderr, "%s: group %s ended with status %d\n", suite.name.data(),
                   group.name.data(), status);
      return 2;
    }
  }
  return 0;
}

int RunOnly(const Suite& suite, const std::string& name) {
  for (const Group& group : suite.groups) {
    if (group.name != name) continue;
    Report report;
    group.add_rows(report);
    return 0;
  }
  std::fprintf(stderr, "%s: no group %s. One of:", suite.name.data(), name.c_str());
  for (const Group& group : suite.groups) std::fprintf(stderr, " %s", group.name.data());
  std::fputs("\n", stderr);
  return 2;
}

}  // namespace

int RunSuite(const Suite& suite, const std::vector<std::string>& arguments) {
  if (arguments.empty()) return RunAll(suite);
  if (arguments.size() == 2 && arguments[0] == "--only") return RunOnly(suite, arguments[1]);
  std::fprintf(stderr, "usage: %s [--only GROUP]\n", suite.name.data());
  return 2;
}

}  // namespace belay::bench
