// A scan: one RocksDB iterator over one snapshot.
//
// Thread safety: for one thread at a time.
#pragma once

#include <memory>

#include "broker/base/status.h"
#include "broker/storage/rocksdb/committer.h"
#include "broker/storage/rocksdb/database.h"
#include "broker/storage/store.h"

namespace belay::storage {

base::Result<std::unique_ptr<Scan>> NewRocksScan(std::shared_ptr<Database> database,
                                                 const Committer& committer,
                                                 const ScanOptions& options);

}  // namespace belay::storage
