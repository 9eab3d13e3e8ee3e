// The embedded engine: a Store in one folder of this machine, on RocksDB.
//
// Invariants, beside those of Store
//   - One opener per folder, in this process and in all others; the second is told who has it (S5).
//   - A folder that is not a store of Belay's is never written to.
//
// Thread safety: OpenRocksStore() may be called from any thread; for the rest see Store.
#pragma once

#include <memory>
#include <string>

#include "broker/base/clock.h"
#include "broker/base/status.h"
#include "broker/storage/store.h"
#include "broker/storage/tuning.h"

namespace rocksdb {
class Env;
}

namespace belay::storage {

struct RocksOptions {
  std::string path;               // of the folder; its parent must exist
  bool create_if_missing = true;  // else a missing or empty folder is NOT_FOUND
  // Paces the attempts to recover from a disk fault. Must outlive the store.
  const base::Clock* clock = &base::Clock::System();
  // Where the files really go, for tests that make disks fail; null: the file system. Must outlive
  // the store.
  rocksdb::Env* env = nullptr;

  StoreTuning tuning = {};
};

// Opens or creates the store. May block (replays the log). Errors, each naming the path:
//   NOT_FOUND            the folder, or the parent that should hold it, is missing
//   PERMISSION_DENIED    it cannot be read or written
//   FAILED_PRECONDITION  reason STORE_LOCKED: another process, or this one, has it open;
//                        NOT_A_STORE: a file, or a folder with something else in it;
//                        UNKNOWN_FORMAT: written by a later version
//   DATA_LOSS            reason STORE_CORRUPT: it was a store, and is damaged
//   UNAVAILABLE          the disk failed
base::Result<std::unique_ptr<Store>> OpenRocksStore(const RocksOptions& options);

}  // namespace belay::storage
