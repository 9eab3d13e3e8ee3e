// A process to be killed: opens a broker over the store at argv[1], prints "open <epoch>", attaches a named watch
// and prints "attached", then writes from two threads for ever. Prints
//   "put <key> <revision>"               for each acknowledged put; the value is the key
//   "ttl <key> <revision> <expires_ms>"  for each acknowledged put of a key that expires
//   "saw <revision>"                     for each change that the watch is about to accept
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "broker/engine/broker.h"
#include "broker/storage/row_block.h"

namespace belay {
namespace {

constexpr int kThreads = 2;

// One write() per line: lines of several threads do not mix, and none waits in a buffer.
void Say(const std::string& line) {
  if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    std::_Exit(4);
}

void Fail(const base::Status& status) {
  Say("error " + status.ToString() + "\n");
  std::_Exit(5);
}

base::Status Accept(const registry::Request& request) {
  auto reader = storage::RowBlockReader::Open(request.payload);
  storage::Row row;
  while (reader->Next(&row).ok()) Say("saw " + std::to_string(row.revision) + "\n");
  return {};
}

void AttachWatch(engine::Broker& broker) {
  registry::CallbackSpec spec;
  spec.label = "mirror";
  spec.target.function = [](void*, ::belay_call*) -> std::int32_t { return 0; };
  spec.target.adapter = [](registry::NativeFunction, void*, const registry::Request& request,
                           std::string*) { return Accept(request); };
  const auto callback = registry::Registry::Register(broker.handle(), std::move(spec));
  if (!callback.ok()) Fail(callback.status());
  engine::WatchOptions options;
  options.name = "mirror";
  options.from_revision = 1;
  options.callback = *callback;
  if (const auto watch = broker.AttachWatch(options); !watch.ok()) Fail(watch.status());
  Say("attached\n");
}

void Write(engine::Broker& broker, const std::string& prefix) {
  for (int i = 0;; ++i) {
    storage::Operation put;
    put.key = prefix + std::to_string(i);
    put.value = put.key;
    if (i % 4 == 3) put.expires_at_ms = broker.clock().WallNs() / 1'000'000 + i % 64;
    storage::WriteBatch batch;
    batch.durability = i % 5 == 4 ? storage::Durability::kSync : storage::Durability::kAsync;
    batch.operations.push_back(put);
    const auto committed = broker.Commit(batch);
    if (!committed.ok()) Fail(committed.status());
    const std::string what = put.key + " " + std::to_string(committed->revision);
    Say(put.expires_at_ms == 0 ? "put " + what + "\n"
                               : "ttl " + what + " " + std::to_string(put.expires_at_ms) + "\n");
  }
}

int Run(const char* path) {
  engine::BrokerOptions options;
  options.store_path = path;
  auto opened = engine::Broker::Open(options);
  if (!opened.ok()) Fail(opened.status());
  engine::Broker& broker = **opened;
  const std::string epoch = std::to_string((*broker.store())->BootEpoch());
  Say("open " + epoch + "\n");
  AttachWatch(broker);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] { Write(broker, epoch + "/" + std::to_string(t) + "/"); });
  for (std::thread& thread : threads) thread.join();
  return 0;
}

}  // namespace
}  // namespace belay

int main(int argc, char** argv) { return argc == 2 ? belay::Run(argv[1]) : 2; }
