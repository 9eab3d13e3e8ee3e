#include "broker/storage/rocksdb/keyspaces.h"

#include <algorithm>
#include <string>

#include "broker/storage/rocksdb/errors.h"
#include "broker/storage/rocksdb/format.h"
#include "rocksdb/db.h"

namespace belay::storage {

using base::Code;
using base::Status;

namespace {

Status NoSuchName(std::string_view name) {
  return Status(Code::kNotFound, "there is no keyspace " + QuoteKey(name), "NO_KEYSPACE");
}

bool IsOwn(std::string_view name) {
  return name == kDefaultKeyspaceName || name == kSystemKeyspaceName;
}

// 0: none.
KeyspaceId IdOf(const Engine& engine, std::string_view name) {
  if (name == kDefaultKeyspaceName) return kDefaultKeyspace;
  for (const auto& [id, keyspace] : engine.keyspaces()) {
    if (keyspace.name == name) return id;
  }
  return 0;
}

Status Create(Database& database, std::string_view name, KeyspaceId* id) {
  rocksdb::ColumnFamilyHandle* family = nullptr;
  {
    const Database::Use use(database);
    if (Status status = use.status(); !status.ok()) return status;
    Engine& engine = use.engine();
    if (IdOf(engine, name) != 0) {
      return Status(Code::kAlreadyExists, "keyspace " + QuoteKey(name) + " exists");
    }
    if (engine.keyspaces().size() >= kMaxKeyspaces) {
      return Status(Code::kResourceExhausted,
                    "the store has max_keyspaces, " + std::to_string(kMaxKeyspaces) + ", already",
                    "LIMIT_EXCEEDED");
    }
    const std::string family_name = std::string(kKeyspaceFamilyPrefix) + std::string(name);
    // As the default one is, with the cache that all share.
    const rocksdb::ColumnFamilyOptions options =
        engine.db().GetOptions(engine.family(kDefaultKeyspace));
    const rocksdb::Status created = engine.db().CreateColumnFamily(options, family_name, &family);
    if (!created.ok()) return FromRocks(created, "creating keyspace " + QuoteKey(name));
  }
  *id = family->GetID();
  database.ChangeEngine([&](Engine& engine) {
    engine.AddKeyspace(*id, {std::string(name), family});
  });
  return {};
}

Status Drop(Database& database, std::string_view name) {
  KeyspaceId id = 0;
  Engine::Keyspace keyspace;
  {
    const Database::Use use(database);
    if (Status status = use.status(); !status.ok()) return status;
    id = IdOf(use.engine(), name);
    if (id == 0) return NoSuchName(name);
    keyspace = use.engine().keyspaces().at(id);
  }
  // Out of everybody's reach, then off the disk: nobody reads a family that is half gone.
  database.ChangeEngine([&](Engine& engine) { engine.RemoveKeyspace(id); });
  rocksdb::Status dropped;
  {
    const Database::Use use(database);
    dropped = use.engine().db().DropColumnFamily(keyspace.family);
    if (dropped.ok()) {
      use.engine().db().DestroyColumnFamilyHandle(keyspace.family).PermitUncheckedError();
    }
  }
  if (dropped.ok()) return {};
  database.ChangeEngine([&](Engine& engine) { engine.AddKeyspace(id, keyspace); });
  return FromRocks(dropped, "dropping keyspace " + QuoteKey(name));
}

}  // namespace

// Both are the committer's to do, between groups of commits: the engine is exchanged, after a disk
// fault, by the committer alone too.
base::Result<KeyspaceId> CreateKeyspace(Database& database, Committer& committer,
                                        std::string_view name) {
  if (Status status = ValidateKeyspaceName(name); !status.ok()) return status;
  if (IsOwn(name)) {
    return Status(Code::kAlreadyExists, "keyspace " + QuoteKey(name) + " is the store's own");
  }
  KeyspaceId id = 0;
  const Status status = committer.RunAlone([&] { return Create(database, name, &id); });
  if (!status.ok()) return status;
  return id;
}

Status DropKeyspace(Database& database, Committer& committer, std::string_view name) {
  if (IsOwn(name)) {
    return Status(Code::kFailedPrecondition,
                  "keyspace " + QuoteKey(name) + " is the store's own and cannot be dropped");
  }
  return committer.RunAlone([&] { return Drop(database, name); });
}

base::Result<KeyspaceId> FindKeyspace(Database& database, std::string_view name) {
  const Database::Use use(database);
  if (Status status = use.status(); !status.ok()) return status;
  const KeyspaceId id = IdOf(use.engine(), name);
  if (id == 0) return NoSuchName(name);
  return id;
}

std::vector<KeyspaceInfo> ListKeyspaces(Database& database) {
  std::vector<KeyspaceInfo> infos = {{kDefaultKeyspace, kDefaultKeyspaceName}};
  const Database::Use use(database);
  if (!use.status().ok()) return infos;
  for (const auto& [id, keyspace] : use.engine().keyspaces()) {
    infos.push_back({id, keyspace.name});
  }
  std::sort(infos.begin(), infos.end(),
            [](const auto& left, const auto& right) { return left.name < right.name; });
  return infos;
}

}  // namespace belay::storage
