// A store whose writer is killed with SIGKILL again and again, and which is compared each time with
// what the writer had acknowledged.
//
// Thread safety: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

#include "broker/storage/rocksdb/test_util.h"
#include "broker/storage/rocksdb/testing/commit_journal.h"

namespace belay::storage {

// See crash_writer.cc.
inline constexpr char kCrashWriter[] = "broker/storage/rocksdb/crash_writer";

class KilledWriter {
 public:
  explicit KilledWriter(std::uint64_t seed) : random_(seed) {}

  // Starts the writer, kills it at a random moment, and checks what it has left. Fails the running
  // test for what is wrong.
  void RunCycle();

  // Commits, in all cycles.
  std::size_t acknowledged() const { return journal_.size(); }

 private:
  void NoteLine(const std::string& line);

  std::mt19937_64 random_;
  TempFolder folder_;
  const std::string path_ = folder_ / "store";
  CommitJournal journal_{3};
  std::uint64_t last_epoch_ = 0;
};

}  // namespace belay::storage
