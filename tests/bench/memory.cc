// What a live handle costs in memory.
//
// Measured on the whole process, which is what its owner pays: slots, callback objects, labels, indexes of
// holders, the allocator's headers and rounding, thread caches, half-used pages, and the spare room of
// tables that grow by doubling. A sum of sizeof's over the structures that one thinks of would leave out
// the rest, which is often the greater part. Swapped pages count, so that a machine short of memory does
// not make us look thin.
//
// The process is fresh and does nothing else. Its own array of handles is the caller's memory, not Belay's,
// and is in memory before the first measurement; so are the library's pages and threads, after one callback.
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/bench/broker.h"
#include "tests/bench/groups.h"
#include "tests/bench/process_memory.h"

namespace belay::bench {
namespace {

constexpr std::size_t kHandles = 1'000'000;
constexpr std::size_t kDistinct = 8;  // labels, and sites

double PerHandle(std::uint64_t before, std::uint64_t after) {
  return after > before ? static_cast<double>(after - before) / kHandles : 0;
}

}  // namespace

void MemoryRows(Report& report) {
  const Broker broker;
  Check(belay_release(broker.Register(Untyped())), "belay_release");
  // Filled with a value that is no handle: pages that were never written are not in memory yet.
  std::vector<belay_handle> callbacks(kHandles, ~belay_handle{0});
  std::vector<belay_handle> further(kHandles, ~belay_handle{0});
  std::vector<std::string> labels;
  std::vector<std::string> sites;
  for (std::size_t i = 0; i < kDistinct; ++i) {
    labels.push_back("listener of kind " + std::to_string(i));
    sites.push_back("Listeners.cs:" + std::to_string(100 + i));
  }

  const std::uint64_t before = ProcessBytes(getpid());
  for (std::size_t i = 0; i < kHandles; ++i) {
    belay_callback_options options = Untyped();
    options.label = labels[i % kDistinct].c_str();
    options.site = sites[i % kDistinct].c_str();
    callbacks[i] = broker.Register(options);
  }
  const std::uint64_t registered = ProcessBytes(getpid());
  const std::uint64_t peak = PeakProcessBytes();
  for (belay_handle& handle : further) {
    Check(belay_retain(callbacks.front(), 0, BELAY_RIGHTS_SAME, &handle), "belay_retain");
  }
  const std::uint64_t retained = ProcessBytes(getpid());

  report.Add(Within("memory of a callback with its handle, of 1,000,000",
                    PerHandle(before, registered), "bytes/handle", 128));
  report.Add(Plain("the same at the peak while they were registered", PerHandle(before, peak),
                   "bytes/handle"));
  report.Add(Within("memory of a further handle to a callback, of 1,000,000",
                    PerHandle(registered, retained), "bytes/handle", 48));
  for (const belay_handle handle : further) Check(belay_release(handle), "belay_release");
  for (const belay_handle handle : callbacks) Check(belay_release(handle), "belay_release");
}

}  // namespace belay::bench
