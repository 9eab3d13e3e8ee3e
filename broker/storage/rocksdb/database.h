// The store's folder and the engine on it. Store and scans share it; the last one closes it.
//
// The engine can be exchanged for a newly opened one, which is how we recover from disk faults: what
// a restart would do, without the restart. RocksDB has a recovery in place, Resume(), but in 7.8
// it can wait for ever for a flush that it has forgotten, and goes on with the log that failed.
//
// Invariants
//   - Who is in a `Use` has an engine that stays until he leaves.
//   - `faults()` is read-only from the moment the disk refuses writes until Recover() succeeded.
//   - A Recover() that fails leaves an engine that reads, as far as the disk can be read.
//
// Thread safety: every method may be called from any thread, Recover() by one at a time and not
// beside a write, nor from within a Use.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>

#include "broker/base/function_ref.h"
#include "broker/base/status.h"
#include "broker/storage/rocksdb/engine.h"
#include "broker/storage/rocksdb/fault_state.h"
#include "broker/storage/rocksdb/reader_gate.h"
#include "broker/storage/rocksdb/rocks_store.h"
#include "broker/storage/rocksdb/store_folder.h"

namespace belay::storage {

// What holds on to something of the engine between Uses, and can do without it.
class EngineGuest {
 public:
  virtual ~EngineGuest() = default;
  // Lets go of the engine for good. Called with nobody in a Use.
  virtual void LeaveEngine() = 0;
};

class Database {
 public:
  // Opens or creates it, checks it and counts the boot epoch. Errors: see OpenRocksStore().
  static base::Result<std::shared_ptr<Database>> Open(const RocksOptions& options,
                                                      StoreFacts* facts);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  class Use {
   public:
    explicit Use(Database& database)
        : database_(database), pass_(database.gate_), engine_(database.engine_.get()) {}
    // Not OK: the disk can not even be read.
    base::Status status() const;
    // REQUIRES: status().ok()
    Engine& engine() const noexcept { return *engine_; }

   private:
    Database& database_;
    const ReaderGate::Pass pass_;
    Engine* const engine_;
  };

  FaultState& faults() const noexcept { return *faults_; }
  const RocksOptions& options() const noexcept { return options_; }

  // Runs `change` while nobody is in a Use. REQUIRES: there is an engine; not from within a Use.
  void ChangeEngine(base::FunctionRef<void(Engine&)> change) {
    gate_.RunAlone([&] { change(*engine_); });
  }

  // REQUIRES: within a Use. A guest must be removed before it is destroyed.
  void AddGuest(EngineGuest* guest);
  void RemoveGuest(EngineGuest* guest);

  // Opens the engine anew if the disk can be written again, and returns what it found.
  base::Result<StoreFacts> Recover();

 private:
  Database(RocksOptions options, std::unique_ptr<StoreFolder> folder);

  base::Status ProbeDisk() const;
  base::Result<StoreFacts> Reopen();

  const RocksOptions options_;
  // Destroyed last: the lock must outlive the engine.
  const std::unique_ptr<StoreFolder> folder_;
  const std::shared_ptr<FaultState> faults_;  // RocksDB's listener has a share
  ReaderGate gate_;                           // readers: Use; alone: exchanging engine_
  std::unique_ptr<Engine> engine_;
  std::mutex guests_mutex_;
  std::unordered_set<EngineGuest*> guests_;  // guarded by guests_mutex_
};

}  // namespace belay::storage
