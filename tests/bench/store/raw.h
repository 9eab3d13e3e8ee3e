// RocksDB through its own interface: what Belay's store is measured against.
//
// It runs with the options of Belay's own engine, and with the family of the keys and values alone: no history,
// no revisions.
//
// Thread safety: as Engine.
#pragma once

#include <memory>
#include <string>

#include "rocksdb/db.h"
#include "tests/bench/store/engine.h"

namespace belay::bench {

class Raw final : public Engine {
 public:
  // Opens the store in `folder`, or makes one.
  Raw(const std::string& folder, Durability durability);
  std::unique_ptr<Session> NewSession() override;

  void Compact();
  rocksdb::DB& db() const { return *db_; }

 private:
  const Durability durability_;
  std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace belay::bench
