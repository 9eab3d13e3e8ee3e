// What operators ask of a store: backups, checks, sizes, figures.
//
// Thread safety: any thread, beside everything else.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/storage/rocksdb/database.h"
#include "broker/storage/store.h"

namespace belay::storage {

// As in Store.
base::Result<SizeEstimate> EstimateRangeSize(Database& database, KeyspaceId keyspace,
                                             std::string_view start, std::string_view end);
base::Status CompactKeyspace(Database& database, KeyspaceId keyspace, std::string_view start,
                             std::string_view end);
base::Status MakeCheckpoint(Database& database, const std::string& path);
std::vector<std::pair<std::string, std::uint64_t>> EngineStatistics(Database& database);

}  // namespace belay::storage
