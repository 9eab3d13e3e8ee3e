#include "tests/crash/killed_broker.h"

#include <chrono>
#include <thread>

#include "broker/base/clock.h"
#include "broker/storage/rocksdb/testing/writer_process.h"

namespace belay {

void KilledBroker::RunCycle() {
  // One of four dies while it opens the store or attaches the watch, the others at work.
  const bool dies_early = random_() % 4 == 0;
  const std::uint64_t lines = dies_early ? 0 : 1 + random_() % 400;
  // Beyond the watch's pause between two cursors, now and then.
  const std::chrono::microseconds moment(random_() % (dies_early ? 50'000 : 120'000));

  storage::WriterProcess writer("tests/crash/broker_writer", path_);
  std::string line;
  for (std::uint64_t i = 0; i < lines && writer.ReadLine(&line); ++i) journal_.Note(line);
  // Its end is at a random moment, and it goes on saying what it does until then.
  std::thread killer([&] {
    std::this_thread::sleep_for(moment);  // where in its work it dies; nothing depends on it
    writer.Signal();
  });
  while (writer.ReadLine(&line)) journal_.Note(line);
  killer.join();

  const auto store = storage::MustOpen(path_);
  journal_.Check(*store, base::Clock::System().WallNs() / 1'000'000);
}

}  // namespace belay
