// tools/bench inprocess: what Belay costs inside one process, through the C interface of the shared library,
// and what others cost beside it.
#include "tests/bench/groups.h"
#include "tests/bench/suite.h"

int main(int argc, char** argv) {
  using namespace belay::bench;
  const Suite suite{.name = "inprocess",
                    .groups = {{"invoke", InvokeRows},
                               {"scaling", ScalingRows},
                               {"random_access", RandomAccessRows},
                               {"memory", MemoryRows},
                               {"turnover", TurnoverRows},
                               {"release_latency", ReleaseLatencyRows},
                               {"drain", DrainRows},
                               {"queue_executor", QueueExecutorRows},
                               {"handmade", HandmadeRows},
                               {"glib", GlibRows},
                               {"libffi", LibffiRows},
                               {"sqlite", SqliteRows},
                               {"dotnet", DotnetRows}},
                    .options = {}};
  return RunSuite(suite, {argv + 1, argv + argc});
}
