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

struct HistoryRange {
  Revision from_revision = 0;
  std::string_view start;
  std::string_view end;  // empty: no upper bound
  std::uint32_t max_rows = 0;
  std::size_t max_bytes = 0;
};

// As Store::ReadHistory(), up to the committer's current revision.
base::Result<HistoryPage> ReadHistoryPage(Database& database, const Committer& committer,
                                          const HistoryRange& range);

}  // namespace belay::storage
