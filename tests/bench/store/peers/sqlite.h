// SQLite as a store of keys and values: one table without row ids, a write-ahead log, a connection and prepared
// statements for each thread, and as much cache as RocksDB has.
//
// Writers take turns under a lock, which is in SQLite's favour: its own way to wait for another is to sleep.
//
// kSync is synchronous=FULL, kAsync is synchronous=NORMAL: the log is not synced by a commit.
//
// Thread safety: as Engine.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "tests/bench/store/engine.h"

namespace belay::bench {

class Sqlite final : public Engine {
 public:
  // Opens the database in `folder`, which is made if it is missing.
  Sqlite(const std::string& folder, Durability durability);
  std::unique_ptr<Session> NewSession() override;

 private:
  const std::string path_;
  const Durability durability_;
  std::mutex writing_;
};

}  // namespace belay::bench
