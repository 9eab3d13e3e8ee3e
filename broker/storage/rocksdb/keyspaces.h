// Keyspaces as column families: making, dropping and finding those of clients.
//
// Thread safety: any thread.
#pragma once

#include <string_view>
#include <vector>

#include "broker/storage/rocksdb/committer.h"
#include "broker/storage/rocksdb/database.h"
#include "broker/storage/store.h"

namespace belay::storage {

// As in Store.
base::Result<KeyspaceId> CreateKeyspace(Database& database, Committer& committer,
                                        std::string_view name);
base::Status DropKeyspace(Database& database, Committer& committer, std::string_view name);
base::Result<KeyspaceId> FindKeyspace(Database& database, std::string_view name);
std::vector<KeyspaceInfo> ListKeyspaces(Database& database);

}  // namespace belay::storage
