// A store whose broker is killed with SIGKILL again and again, and which is compared each time with what the
// broker had said.
//
// Thread safety: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

#include "broker/storage/rocksdb/test_util.h"
#include "tests/crash/broker_journal.h"

namespace belay {

class KilledBroker {
 public:
  explicit KilledBroker(std::uint64_t seed) : random_(seed) {}

  // Starts a broker_writer, kills it at a random moment, and checks what it has left. Fails the running test
  // for what is wrong.
  void RunCycle();

  // Commits in all cycles, and changes that the watch accepted.
  std::size_t acknowledged() const { return journal_.acknowledged(); }
  std::size_t accepted() const { return journal_.accepted(); }

 private:
  std::mt19937_64 random_;
  storage::TempFolder folder_;
  const std::string path_ = folder_ / "store";
  BrokerJournal journal_;
};

}  // namespace belay
