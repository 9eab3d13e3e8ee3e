// Reads the history that the committer writes.
//
// Thread safety: pure function; any thread, beside commits and trims.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "broker/base/status.h"
#include "broker/storage/rocksdb/committer.h"
#include "broker/storage/rocksdb/database.h"
#include "broker/storage/store.h"

namespace belay::storage {

// As Store::ReadHistory(), up to the committer's current revision.
base::Result<HistoryPage> ReadHistoryPage(Database& database, Committer& committer,
                                          const HistoryRange& range);

}  // namespace belay::storage
