#include "broker/storage/rocksdb/testing/killed_writer.h"

#include <chrono>
#include <cstdio>
#include <thread>

#include "broker/storage/rocksdb/testing/writer_process.h"

namespace belay::storage {

void KilledWriter::RunCycle() {
  // One of four dies while it creates or opens the store, the others among their commits.
  const bool dies_early = random_() % 4 == 0;
  const std::uint64_t lines = dies_early ? 0 : 1 + random_() % 100;
  const std::chrono::microseconds moment(random_() % (dies_early ? 50'000 : 2'000));

  WriterProcess writer(kCrashWriter, path_);
  std::string line;
  for (std::uint64_t i = 0; i < lines && writer.ReadLine(&line); ++i) NoteLine(line);
  std::this_thread::sleep_for(moment);  // where in its work it dies; nothing depends on it
  writer.Kill();
  while (writer.ReadLine(&line)) NoteLine(line);  // what it had still said

  const auto store = MustOpen(path_);
  EXPECT_GT(store->BootEpoch(), last_epoch_);
  last_epoch_ = store->BootEpoch();
  journal_.Check(*store);
}

void KilledWriter::NoteLine(const std::string& line) {
  unsigned long long epoch = 0;
  if (std::sscanf(line.c_str(), "open %llu", &epoch) == 1) {
    EXPECT_GT(epoch, last_epoch_);
    last_epoch_ = epoch;
    return;
  }
  int thread = 0;
  int sequence = 0;
  unsigned long long revision = 0;
  ASSERT_EQ(std::sscanf(line.c_str(), "%d %d %llu", &thread, &sequence, &revision), 3) << line;
  const std::string name = std::to_string(thread);
  const std::string value = std::to_string(sequence);
  const std::string commit = name + "/" + value;
  journal_.Note(revision, {commit + "/a", commit + "/b", name + "/last"}, value,
                CommitJournal::Promise::kLasts);
}

}  // namespace belay::storage
