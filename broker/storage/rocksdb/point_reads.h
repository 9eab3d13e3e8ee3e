// Reads of single keys.
//
// Thread safety: any thread.
#pragma once

#include <span>
#include <string_view>

#include "broker/storage/rocksdb/database.h"
#include "broker/storage/store.h"

namespace belay::storage {

// As Store::Read() and Store::ReadMany().
base::Status ReadKey(Database& database, const ReadOptions& options, std::string_view key,
                     Store::Visit visit);
base::Status ReadKeys(Database& database, const ReadOptions& options,
                      std::span<const std::string_view> keys, Store::VisitEach visit);

}  // namespace belay::storage
