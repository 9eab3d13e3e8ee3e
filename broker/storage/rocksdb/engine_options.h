// How we run RocksDB, with the reason beside each setting.
//
// Thread safety: pure functions.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/storage/rocksdb/fault_state.h"
#include "broker/storage/rocksdb/rocks_store.h"

namespace rocksdb {
struct ColumnFamilyDescriptor;
struct DBOptions;
}  // namespace rocksdb

namespace belay::storage {

// `faults` learns from RocksDB's background threads when the disk fails.
rocksdb::DBOptions EngineOptions(const RocksOptions& options, bool create,
                                 std::shared_ptr<FaultState> faults);

// Those of every store, in this order: facts ("default"), data, history, system, expiry; then those of
// `existing` that are none of these.
std::vector<rocksdb::ColumnFamilyDescriptor> EngineFamilies(
    const RocksOptions& options, const std::vector<std::string>& existing);

}  // namespace belay::storage
