// RocksDB's statuses in our words.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "broker/base/status.h"

namespace rocksdb {
class Slice;
class Status;
}  // namespace rocksdb

namespace belay::storage {

// `what` says what was being done: "reading key \"a\"". REQUIRES: !status.ok()
base::Status FromRocks(const rocksdb::Status& status, std::string_view what);

// For the operator: the engine's own text.
std::string DescribeFault(const rocksdb::Status& status);

base::Status Corrupt(std::string what);

rocksdb::Slice ToSlice(std::string_view bytes) noexcept;
std::string_view ToView(const rocksdb::Slice& slice) noexcept;

}  // namespace belay::storage
