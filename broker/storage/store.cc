#include "broker/storage/store.h"

#include <algorithm>
#include <utility>

namespace belay::storage {

using base::Code;
using base::Status;

namespace {

base::Result<CommitResult> CommitOne(Store& store, Operation operation, Durability durability) {
  WriteBatch batch;
  batch.operations.push_back(std::move(operation));
  batch.durability = durability;
  return store.Commit(batch);
}

}  // namespace

base::Result<CommitResult> Put(Store& store, std::string_view key, std::string_view value,
                               Durability durability) {
  Operation operation;
  operation.kind = OperationKind::kPut;
  operation.key = key;
  operation.value = value;
  return CommitOne(store, std::move(operation), durability);
}

base::Result<CommitResult> Delete(Store& store, std::string_view key, Durability durability) {
  Operation operation;
  operation.kind = OperationKind::kDelete;
  operation.key = key;
  return CommitOne(store, std::move(operation), durability);
}

base::Result<std::uint64_t> CountKeys(Store& store, ScanOptions options) {
  constexpr std::uint32_t kRowsAtOnce = 1024;
  constexpr std::size_t kBytesAtOnce = std::size_t{1} << 20;
  options.keys_only = true;
  auto scan = store.NewScan(options);
  if (!scan.ok()) return scan.status();
  std::uint64_t count = 0;
  while (true) {
    RowBlockBuilder rows;
    const Status status = (*scan)->Next(&rows, kRowsAtOnce, kBytesAtOnce);
    if (status.code() == Code::kEnd) return count;
    if (!status.ok()) return status;
    count += rows.row_count();
  }
}

base::Result<Record> Store::Get(std::string_view key, const ReadOptions& options) {
  Record record;
  Status status = Read(options, key, [&record](const RecordView& found) {
    record = {std::string(found.value), found.create_revision, found.mod_revision, found.version,
              found.expires_at_ms};
  });
  if (!status.ok()) return status;
  return record;
}

std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty()) {
    const auto last = static_cast<unsigned char>(end.back());
    if (last != 0xff) {
      end.back() = static_cast<char>(last + 1);
      return end;
    }
    end.pop_back();
  }
  return end;
}

Status ValidateKeyspaceName(std::string_view name) {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (!name.empty() && name.size() <= kMaxKeyspaceNameBytes &&
      std::all_of(name.begin(), name.end(), is_allowed)) {
    return {};
  }
  return Status(Code::kInvalidArgument, "keyspace name " + QuoteKey(name) + ": it takes 1 to " +
                                            std::to_string(kMaxKeyspaceNameBytes) +
                                            " letters, digits and characters of \"._-\"");
}

Status NoKeyspace(KeyspaceId id) {
  return Status(Code::kNotFound, "there is no keyspace " + std::to_string(id) + " any more",
                "NO_KEYSPACE");
}

}  // namespace belay::storage
