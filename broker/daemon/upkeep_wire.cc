#include "broker/daemon/upkeep_wire.h"

#include <utility>

#include "belay/v1/storage.pb.h"
#include "broker/daemon/settle.h"
#include "broker/daemon/store_wire.h"

namespace belay::daemon {

using base::Code;
using base::Status;

namespace {

// Names that may be made or dropped.
Status CheckKeyspaceName(const std::string& name) {
  if (name == storage::kSystemKeyspaceName) return SystemKeyspace();
  return storage::ValidateKeyspaceName(name);
}

// A name that stays in its folder: no slash, and no hidden file, "." or "..".
Status CheckBackupName(const std::string& name) {
  if (storage::ValidateKeyspaceName(name).ok() && name.front() != '.') return {};
  return Status(Code::kInvalidArgument,
                "backup name " + storage::QuoteKey(name) +
                    " must have 1 to 128 letters, digits, \".\", \"_\" or \"-\", and not begin "
                    "with \".\"");
}

}  // namespace

Status RunFlush(engine::Broker& broker, v1::FlushResponse* response) {
  return Settle((*broker.store())->Flush(), response);
}

Status RunCreateKeyspace(engine::Broker& broker, const v1::CreateKeyspaceRequest& request,
                         v1::CreateKeyspaceResponse* response) {
  if (Status status = CheckKeyspaceName(request.keyspace()); !status.ok())
    return Settle(std::move(status), response);
  const auto id = (*broker.store())->CreateKeyspace(request.keyspace());
  if (id.ok()) response->set_id(*id);
  return Settle(id.status(), response);
}

Status RunDropKeyspace(engine::Broker& broker, const v1::DropKeyspaceRequest& request,
                       v1::DropKeyspaceResponse* response) {
  Status status = CheckKeyspaceName(request.keyspace());
  if (status.ok()) status = broker.DropKeyspace(request.keyspace());
  return Settle(std::move(status), response);
}

Status RunListKeyspaces(engine::Broker& broker, v1::ListKeyspacesResponse* response) {
  for (storage::KeyspaceInfo& info : (*broker.store())->ListKeyspaces()) {
    v1::KeyspaceInfo& wire = *response->add_keyspaces();
    wire.set_name(std::move(info.name));
    wire.set_id(info.id);
  }
  return {};
}

Status RunCompact(engine::Broker& broker, const v1::CompactRequest& request,
                  v1::CompactResponse* response) {
  const auto run = [&]() -> Status {
    const auto keyspace = FindKeyspace(broker, request.keyspace());
    if (!keyspace.ok()) return keyspace.status();
    const auto range = ToRange(request.range());
    if (!range.ok()) return range.status();
    return (*broker.store())->Compact(*keyspace, range->start, range->end);
  };
  return Settle(run(), response);
}

Status RunCheckpoint(engine::Broker& broker, const std::string& backup_dir,
                     const v1::CheckpointRequest& request, v1::CheckpointResponse* response) {
  const auto run = [&]() -> Status {
    if (backup_dir.empty()) {
      return Status(Code::kFailedPrecondition,
                    "the broker has no folder for backups: start belayd with --backup-dir",
                    "NO_BACKUP_DIR");
    }
    if (Status status = CheckBackupName(request.name()); !status.ok()) return status;
    const std::string path = backup_dir + "/" + request.name();
    if (Status status = (*broker.store())->Checkpoint(path); !status.ok()) return status;
    response->set_path(path);
    return {};
  };
  return Settle(run(), response);
}

Status RunVerify(engine::Broker& broker, const std::function<bool(const v1::VerifyResponse&)>& tell,
                 v1::VerifyResponse* response) {
  const auto progress = [&](std::uint64_t done, std::uint64_t total) {
    response->set_done(done);
    response->set_total(total);
    return tell(*response);
  };
  return Settle((*broker.store())->Verify(progress), response);
}

Status RunGetStoreStats(engine::Broker& broker, v1::GetStoreStatsResponse* response) {
  storage::Store& store = **broker.store();
  response->set_revision(store.CurrentRevision());
  response->set_oldest_revision(store.OldestRevision());
  if (const Status health = store.Health(); !health.ok())
    ToWire(health, response->mutable_health());
  for (auto& [name, value] : store.Statistics()) {
    v1::Statistic& statistic = *response->add_statistics();
    statistic.set_name(std::move(name));
    statistic.set_value(value);
  }
  return {};
}

}  // namespace belay::daemon
