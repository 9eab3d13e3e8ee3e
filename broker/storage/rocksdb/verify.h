// Reads a whole store and compares it with what it says of itself.
//
// Thread safety: any thread, beside everything else.
#pragma once

#include "broker/storage/rocksdb/database.h"
#include "broker/storage/store.h"

namespace belay::storage {

// As Store::Verify(): first the checksum of every block of every file, then that every record and
// every commit of the history is whole, and that no revision is missing.
base::Status VerifyStore(Database& database, const Store::Progress& progress);

}  // namespace belay::storage
