#include "tests/model/store/clients.h"

#include <algorithm>
#include <latch>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "tests/model/random.h"

namespace belay::store_model {
namespace {

using base::Code;

std::string KeyName(std::uint64_t number) { return "k" + std::to_string(number); }

Outcome OutcomeOf(Code code) {
  switch (code) {
    case Code::kOk: return Outcome::kOk;
    case Code::kNotFound: return Outcome::kNotFound;
    case Code::kAborted: return Outcome::kAborted;
    default: return Outcome::kUnknown;
  }
}

Result Read(storage::Store& store, const std::string& key) {
  auto record = store.Get(key);
  Result result{OutcomeOf(record.code()), {}, 0};
  if (record.ok()) {
    result.value = std::move(record->value);
    result.revision = record->mod_revision;
  }
  return result;
}

Result Write(storage::Store& store, const Operation& operation, storage::Durability durability) {
  storage::Operation change;
  change.key = operation.key;
  change.value = operation.argument;
  change.if_revision = operation.if_revision;
  if (operation.kind == Kind::kDelete) change.kind = storage::OperationKind::kDelete;
  if (operation.kind == Kind::kPutIfAbsent) change.precondition = storage::Precondition::kAbsent;
  if (operation.kind == Kind::kPutIfRevision) {
    change.precondition = storage::Precondition::kRevision;
  }
  storage::WriteBatch batch;
  batch.operations.push_back(std::move(change));
  batch.durability = durability;
  const auto committed = store.Commit(batch);
  Result result{OutcomeOf(committed.code()), {}, 0};
  if (!committed.ok()) return result;
  result.revision = committed->revision;
  const bool found_nothing = operation.kind == Kind::kDelete && committed->deleted_count == 0;
  if (found_nothing) result.outcome = Outcome::kNotFound;
  return result;
}

class Client {
 public:
  Client(storage::Store& store, Tickets& tickets, const Round& round, int number)
      : store_(store),
        tickets_(tickets),
        round_(round),
        number_(number),
        random_(round.seed + static_cast<std::uint64_t>(number) * 0x1'0000'0000) {}

  void Run() {
    for (int i = 0; i < round_.operations_per_client; ++i) {
      if (random_.Below(100) < round_.scan_percent) {
        Scan();
      } else if (Ask("v" + std::to_string(number_) + "." + std::to_string(i)) ==
                 Outcome::kUnknown) {
        return;
      }
    }
  }

  History TakeHistory() { return std::move(history_); }

 private:
  Outcome Ask(std::string value) {
    Operation operation;
    operation.thread = number_;
    operation.kind = RandomKind();
    operation.key = KeyName(random_.Below(round_.keys));
    const bool is_put = operation.kind != Kind::kGet && operation.kind != Kind::kDelete;
    if (is_put) operation.argument = std::move(value);
    Revision& seen = seen_[operation.key];
    if (operation.kind == Kind::kPutIfRevision) operation.if_revision = seen;
    const auto durability = random_.Below(100) < round_.async_percent ? storage::Durability::kAsync
                                                                      : storage::Durability::kSync;
    operation.invoked = tickets_.Next();
    operation.result = operation.kind == Kind::kGet ? Read(store_, operation.key)
                                                    : Write(store_, operation, durability);
    const Result& result = operation.result;
    if (result.outcome != Outcome::kUnknown) operation.returned = tickets_.Next();
    if (result.outcome == Outcome::kOk) seen = result.revision;
    history_.operations.push_back(std::move(operation));
    return history_.operations.back().result.outcome;
  }

  Kind RandomKind() {
    static constexpr Kind kKinds[] = {Kind::kGet,           Kind::kGet,        Kind::kGet,
                                      Kind::kPut,           Kind::kDelete,     Kind::kPutIfRevision,
                                      Kind::kPutIfRevision, Kind::kPutIfAbsent};
    return kKinds[random_.Below(std::size(kKinds))];
  }

  void Scan() {
    Snapshot snapshot;
    snapshot.thread = number_;
    if (random_.OneIn(2)) snapshot.start = KeyName(random_.Below(round_.keys));
    if (random_.OneIn(2)) snapshot.end = KeyName(random_.Below(round_.keys));
    storage::ScanOptions options;
    options.start = snapshot.start;
    options.end = snapshot.end;
    options.reverse = random_.OneIn(2);
    snapshot.invoked = tickets_.Next();
    if (random_.OneIn(2)) {  // of a snapshot that is held, instead of one of its own
      const auto held = store_.NewSnapshot();
      if (!held.ok()) return;
      options.read.snapshot = *held;
    }
    const auto scan = store_.NewScan(options);
    // The snapshot is taken by now; others go on writing while its rows are fetched one by one.
    snapshot.returned = tickets_.Next();
    if (!scan.ok()) return;
    snapshot.revision = (*scan)->revision();
    for (;;) {
      storage::RowBlockBuilder builder;
      const base::Status status = (*scan)->Next(&builder, 1, 1);
      if (status.code() == Code::kEnd) break;
      if (!status.ok()) return;
      const std::string block = builder.Take();
      auto reader = storage::RowBlockReader::Open(block);
      storage::Row row;
      while (reader.ok() && reader->Next(&row).ok()) {
        snapshot.rows.push_back({std::string(row.key), std::string(row.value), row.revision});
      }
    }
    if (options.reverse) std::reverse(snapshot.rows.begin(), snapshot.rows.end());
    history_.snapshots.push_back(std::move(snapshot));
  }

  storage::Store& store_;
  Tickets& tickets_;
  const Round& round_;
  const int number_;
  model::Random random_;
  std::map<std::string, Revision> seen_;  // of each key, the last that this client was told
  History history_;
};

}  // namespace

History RunClients(storage::Store& store, Tickets& tickets, const Round& round) {
  std::vector<Client> clients;
  for (int i = 0; i < round.clients; ++i) clients.emplace_back(store, tickets, round, i);
  std::latch start(round.clients);
  std::vector<std::thread> threads;
  for (Client& client : clients) {
    threads.emplace_back([&] {
      start.arrive_and_wait();
      client.Run();
    });
  }
  for (std::thread& thread : threads) thread.join();
  History all;
  for (Client& client : clients) {
    History mine = client.TakeHistory();
    std::move(mine.operations.begin(), mine.operations.end(), std::back_inserter(all.operations));
    std::move(mine.snapshots.begin(), mine.snapshots.end(), std::back_inserter(all.snapshots));
  }
  return all;
}

std::vector<Operation> ReadKeys(storage::Store& store, Tickets& tickets, const Round& round) {
  std::vector<Operation> reads;
  for (std::uint64_t i = 0; i < round.keys; ++i) {
    Operation read;
    read.thread = round.clients;
    read.key = KeyName(i);
    read.invoked = tickets.Next();
    read.result = Read(store, read.key);
    if (read.result.outcome != Outcome::kUnknown) read.returned = tickets.Next();
    reads.push_back(std::move(read));
  }
  return reads;
}

}  // namespace belay::store_model
