// LMDB as its users run it: one environment, a write transaction for each change, a read transaction that each
// thread keeps and renews.
//
// Thread safety: as Engine.
#pragma once

#include <lmdb.h>

#include <memory>
#include <string>

#include "tests/bench/store/engine.h"

namespace belay::bench {

class Lmdb final : public Engine {
 public:
  // Opens the environment in `folder`, which is made if it is missing.
  Lmdb(const std::string& folder, Durability durability);
  Lmdb(const Lmdb&) = delete;
  Lmdb& operator=(const Lmdb&) = delete;
  ~Lmdb() override;
  std::unique_ptr<Session> NewSession() override;

 private:
  MDB_env* environment_ = nullptr;
  MDB_dbi table_ = 0;
};

}  // namespace belay::bench
