// A process to be killed: opens the store at argv[1], prints "open <epoch>", then commits from four
// threads for ever and prints "<thread> <sequence> <revision>" for each acknowledged sync commit.
//
// Commit i of thread t puts "t/i/a" and "t/i/b" and moves "t/last" to i, so that what it should have
// left can be told from its acknowledgement alone.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "broker/storage/rocksdb/rocks_store.h"

namespace belay::storage {
namespace {

constexpr int kThreads = 4;

// One write() per line: lines of several threads do not mix, and none waits in a buffer.
void Say(const std::string& line) {
  if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    std::_Exit(4);
  }
}

void Write(Store& store, int thread) {
  const std::string name = std::to_string(thread);
  const auto last = store.Get(name + "/last");
  for (int i = last.ok() ? std::atoi(last->value.c_str()) + 1 : 0;; ++i) {
    const std::string sequence = std::to_string(i);
    WriteBatch batch;
    batch.durability = i % 5 == 4 ? Durability::kAsync : Durability::kSync;
    for (const char* suffix : {"/a", "/b"}) {
      Operation put;
      put.key = name + "/" + sequence + suffix;
      put.value = sequence;
      put.precondition = Precondition::kAbsent;
      batch.operations.push_back(put);
    }
    Operation move;
    move.key = name + "/last";
    move.value = sequence;
    batch.operations.push_back(move);
    const auto result = store.Commit(batch);
    if (!result.ok()) {
      Say("error " + result.status().ToString() + "\n");
      std::_Exit(5);
    }
    if (batch.durability == Durability::kSync) {
      Say(name + " " + sequence + " " + std::to_string(result->revision) + "\n");
    }
  }
}

int Run(const char* path) {
  RocksOptions options;
  options.path = path;
  auto store = OpenRocksStore(options);
  if (!store.ok()) {
    Say("error " + store.status().ToString() + "\n");
    return 3;
  }
  Say("open " + std::to_string((*store)->BootEpoch()) + "\n");
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back([&, t] { Write(**store, t); });
  for (std::thread& thread : threads) thread.join();
  return 0;
}

}  // namespace
}  // namespace belay::storage

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  return belay::storage::Run(argv[1]);
}
