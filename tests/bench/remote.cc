// tools/bench remote: what a call through a belayd costs from one process to another, against a bare forwarder,
// and what other brokers cost beside it.
//
// `--belayd PATH` comes first: the program that is measured. The BUILD file gives it.
#include <cstdio>
#include <string>
#include <vector>

#include "tests/bench/remote/groups.h"
#include "tests/bench/remote/roles.h"
#include "tests/bench/suite.h"

int main(int argc, char** argv) {
  using namespace belay::bench;
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (const auto status = RunRole(arguments)) return *status;

  if (arguments.size() < 2 || arguments[0] != "--belayd") {
    std::fputs("usage: remote --belayd PATH [--only GROUP]\n", stderr);
    return 2;
  }
  const std::vector<std::string> options(arguments.begin(), arguments.begin() + 2);
  arguments.erase(arguments.begin(), arguments.begin() + 2);
  const auto group = [&belayd = options[1]](auto add_rows) {
    return [&belayd, add_rows](Report& report) { add_rows(report, belayd); };
  };
  return RunSuite({.name = "remote",
                   .groups = {{"session", group(SessionRows)},
                              {"unary", group(UnaryRows)},
                              {"scale", group(ScaleRows)},
                              {"neighbour", group(NeighbourRows)},
                              {"peers", group(PeerRows)}},
                   .options = options},
                  arguments);
}
