#include "broker/daemon/store_wire.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "belay/v1/storage.pb.h"
#include "broker/daemon/settle.h"

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;

namespace {

void FillRecord(const storage::RecordView& found, v1::KeyRecord* record) {
  record->set_value(std::string(found.value));
  record->set_create_revision(found.create_revision);
  record->set_mod_revision(found.mod_revision);
  record->set_version(found.version);
  record->set_expires_at_ms(found.expires_at_ms);
}

}  // namespace

Result<storage::KeyspaceId> FindKeyspace(engine::Broker& broker, const std::string& name) {
  if (name.empty() || name == storage::kDefaultKeyspaceName) return storage::kDefaultKeyspace;
  if (name == storage::kSystemKeyspaceName) return SystemKeyspace();
  return (*broker.store())->FindKeyspace(name);
}

Status RunGet(engine::Broker& broker, const SnapshotPointer& snapshot,
              const v1::GetRequest& request, v1::GetResponse* response) {
  const auto run = [&]() -> Status {
    const auto keyspace = FindKeyspace(broker, request.keyspace());
    if (!keyspace.ok()) return keyspace.status();
    auto record = (*broker.store())->Get(request.key(), {*keyspace, snapshot});
    if (!record.ok()) return record.status();
    response->set_value(std::move(record->value));
    response->set_create_revision(record->create_revision);
    response->set_mod_revision(record->mod_revision);
    response->set_version(record->version);
    response->set_expires_at_ms(record->expires_at_ms);
    return {};
  };
  return Settle(run(), response);
}

Status RunGetMany(engine::Broker& broker, const SnapshotPointer& snapshot,
                  const v1::GetManyRequest& request, std::size_t max_bytes,
                  v1::GetManyResponse* response) {
  const auto run = [&]() -> Status {
    const auto keyspace = FindKeyspace(broker, request.keyspace());
    if (!keyspace.ok()) return keyspace.status();
    const std::vector<std::string_view> keys(request.keys().begin(), request.keys().end());
    std::vector<v1::KeyRecord> records(std::min(keys.size(), storage::kMaxReadKeys));
    std::size_t bytes = 0;
    const auto visit = [&](std::size_t i, const storage::RecordView* found) {
      if (found == nullptr) return;
      bytes += keys[i].size() + found->value.size();
      // What is beyond the bound is counted, not kept.
      if (bytes <= max_bytes) FillRecord(*found, &records[i]);
    };
    Status status = (*broker.store())->ReadMany({*keyspace, snapshot}, keys, visit);
    if (!status.ok()) return status;
    if (bytes > max_bytes) {
      return Status(Code::kResourceExhausted,
                    "the records have " + std::to_string(bytes) + " bytes, max_frame_bytes is " +
                        std::to_string(max_bytes) + ": ask for fewer keys at a time",
                    "ANSWER_TOO_LARGE");
    }
    for (std::size_t i = 0; i < records.size(); ++i) {
      if (records[i].mod_revision() == 0) continue;
      records[i].set_key(std::string(keys[i]));
      *response->add_records() = std::move(records[i]);
    }
    return {};
  };
  return Settle(run(), response);
}

Status RunCount(engine::Broker& broker, const SnapshotPointer& snapshot,
                const v1::CountRequest& request, v1::CountResponse* response) {
  const auto run = [&]() -> Status {
    const auto keyspace = FindKeyspace(broker, request.keyspace());
    if (!keyspace.ok()) return keyspace.status();
    auto range = ToRange(request.range());
    if (!range.ok()) return range.status();
    storage::ScanOptions wish;
    wish.start = std::move(range->start);
    wish.end = std::move(range->end);
    wish.read = {*keyspace, snapshot};
    const auto count = storage::CountKeys(**broker.store(), wish);
    if (!count.ok()) return count.status();
    response->set_count(*count);
    return {};
  };
  return Settle(run(), response);
}

Status RunEstimate(engine::Broker& broker, const v1::EstimateRequest& request,
                   v1::EstimateResponse* response) {
  const auto run = [&]() -> Status {
    const auto keyspace = FindKeyspace(broker, request.keyspace());
    if (!keyspace.ok()) return keyspace.status();
    const auto range = ToRange(request.range());
    if (!range.ok()) return range.status();
    const auto size = (*broker.store())->EstimateSize(*keyspace, range->start, range->end);
    if (!size.ok()) return size.status();
    response->set_keys(size->keys);
    response->set_size_bytes(size->bytes);
    return {};
  };
  return Settle(run(), response);
}

Result<storage::ScanOptions> ToScanOptions(engine::Broker& broker, const SnapshotPointer& snapshot,
                                           const v1::ScanRequest& request) {
  const auto keyspace = FindKeyspace(broker, request.keyspace());
  if (!keyspace.ok()) return keyspace.status();
  auto range = ToRange(request);
  if (!range.ok()) return range.status();
  const std::string& after = request.start_after();
  if (!after.empty() && request.reverse()) {
    range->end = range->end.empty() ? after : std::min(range->end, after);
  } else if (!after.empty()) {
    // The least key above it.
    range->start = std::max(range->start, after + '\0');
  }
  storage::ScanOptions options;
  options.start = std::move(range->start);
  options.end = std::move(range->end);
  options.reverse = request.reverse();
  options.keys_only = request.keys_only();
  options.limit = request.limit();
  options.read = {*keyspace, snapshot};
  return options;
}

}  // namespace belay::daemon
