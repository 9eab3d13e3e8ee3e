// Calls from native code into C#. They are measured in a .NET process, which the script beside this file
// builds and starts; without a .NET SDK it says so, and there are no such rows.
#include "tests/bench/groups.h"
#include "tests/bench/process.h"

namespace belay::bench {

void DotnetRows(Report&) {
  // Where Bazel lays a program's data.
  const std::string folder = ThisProgram() + ".runfiles/belay/tests/bench/";
  const int status = RunProgram({folder + "peers/dotnet/measure.sh", folder + "libpointers.so"});
  if (status != 0) std::exit(status);
}

}  // namespace belay::bench
