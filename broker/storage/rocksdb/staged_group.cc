#include "broker/storage/rocksdb/staged_group.h"

#include <optional>
#include <utility>

#include "broker/storage/rocksdb/errors.h"
#include "broker/storage/rocksdb/format.h"
#include "broker/storage/rocksdb/precondition.h"
#include "broker/storage/rocksdb/record.h"
#include "rocksdb/db.h"
#include "rocksdb/write_batch.h"

namespace belay::storage {

using base::Code;
using base::Status;

namespace {

// Ours to add to a write for each commit, and RocksDB's for each operation.
constexpr std::size_t kUsualWriteBytes = 1024;

}  // namespace

StagedGroup::StagedGroup(const Engine& engine, const HeaderCache& cache,
                         const OldValues& old_values, Revision current_revision)
    : engine_(engine),
      old_values_(old_values),
      first_revision_(current_revision),
      revision_(current_revision),
      states_(engine, cache),
      write_(std::make_unique<rocksdb::WriteBatch>(kUsualWriteBytes)) {}

StagedGroup::~StagedGroup() = default;

Status StagedGroup::FindRange(const Operation& range, const WriteBatch& batch,
                              rocksdb::ColumnFamilyHandle* family, std::uint64_t* found) {
  const rocksdb::Slice lower = ToSlice(range.key);
  const rocksdb::Slice upper = ToSlice(range.range_end);
  rocksdb::ReadOptions read;
  if (!range.key.empty()) read.iterate_lower_bound = &lower;
  if (!range.range_end.empty()) read.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> iterator(engine_.db().NewIterator(read, family));
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
    if (++*found > kMaxDeletedKeys) {
      return Status(Code::kResourceExhausted,
                    "the batch's ranges hold more than max_deleted_keys, " +
                        std::to_string(kMaxDeletedKeys) + ": delete them in parts",
                    "LIMIT_EXCEEDED");
    }
    range_keys_.push_back(std::make_unique<std::string>(ToView(iterator->key())));
    const StagedKey key{batch.keyspace, *range_keys_.back()};
    KeyState& state = states_.At(key);
    const std::optional<RecordView> record = DecodeRecord(ToView(iterator->value()));
    if (!record) return Corrupt("key " + QuoteKey(key.bytes) + ": its record is too short");
    state.exists = true;
    state.header.mod_revision = record->mod_revision;
    if (old_values_.AreKept(batch.keyspace)) {
      state.read_value = record->value;
      state.value = state.read_value;
      state.knows_value = true;
    }
  }
  if (!iterator->status().ok()) return FromRocks(iterator->status(), "reading a range");
  return {};
}

void StagedGroup::AddOldValue(const KeyState& state, std::string_view key) {
  if (!state.exists || !state.knows_value) return;
  history_.Append(Row{state.header.mod_revision, RowKind::kOld, key, state.value});
}

void StagedGroup::AddPut(const Operation& operation, const StagedKey& key,
                         rocksdb::ColumnFamilyHandle* family, KeyState* state) {
  const Revision revision = revision_ + 1;
  RecordHeader& header = state->header;
  if (!state->exists) header = RecordHeader{revision, revision, 0};
  header.mod_revision = revision;
  header.expires_at_ms = operation.expires_at_ms;
  ++header.version;
  state->exists = true;
  state->value = operation.value;
  state->knows_value = true;
  char bytes[kMaxHeaderBytes];
  const std::size_t header_bytes = EncodeRecordHeader(header, bytes);
  const rocksdb::Slice slice = ToSlice(key.bytes);
  const rocksdb::Slice record[] = {rocksdb::Slice(bytes, header_bytes), ToSlice(operation.value)};
  Note(write_->Put(family, rocksdb::SliceParts(&slice, 1), rocksdb::SliceParts(record, 2)));
  if (operation.expires_at_ms != 0) {
    Note(write_->Put(engine_.expiry_family(),
                     EncodeExpiryKey({operation.expires_at_ms, key.keyspace, key.bytes}),
                     EncodeNumber(revision)));
  }
  history_.Append(Row{revision, RowKind::kPut, key.bytes, operation.value});
}

void StagedGroup::AddDelete(const StagedKey& key, rocksdb::ColumnFamilyHandle* family,
                            KeyState* state, std::uint32_t row_flags) {
  *state = KeyState();
  Note(write_->Delete(family, ToSlice(key.bytes)));
  history_.Append(Row{revision_ + 1, RowKind::kDelete, key.bytes, {}, row_flags});
}

void StagedGroup::AddHistory(KeyspaceId keyspace) {
  ++revision_;
  char prefix[kHistoryPrefixBytes];
  base::StoreLittle(prefix, keyspace);
  const std::string key = HistoryKey(revision_);
  const std::string rows = history_.Take();
  const rocksdb::Slice slice(key);
  const rocksdb::Slice parts[] = {rocksdb::Slice(prefix, sizeof prefix), rocksdb::Slice(rows)};
  Note(write_->Put(engine_.history_family(), rocksdb::SliceParts(&slice, 1),
                   rocksdb::SliceParts(parts, 2)));
}

void StagedGroup::Note(const rocksdb::Status& added) {
  if (!added.ok() && broken_.ok()) broken_ = FromRocks(added, "staging a batch");
}

base::Result<CommitResult> StagedGroup::Stage(const WriteBatch& batch) {
  rocksdb::ColumnFamilyHandle* const family = engine_.family(batch.keyspace);
  if (family == nullptr) return NoKeyspace(batch.keyspace);
  const bool wants_old = old_values_.AreKept(batch.keyspace);

  if (batch.operations.size() > 1) {
    const auto want = wants_old ? KeyStates::Want::kValue : KeyStates::Want::kHeader;
    if (Status status = states_.LookupAll(batch, family, want); !status.ok()) return status;
  }
  // First all that may refuse the batch, then all that changes something.
  std::vector<KeyState*> states;  // stable: unordered_map moves no elements
  states.reserve(batch.operations.size());
  bool has_effect = false;
  std::uint64_t in_ranges = 0;
  for (const Operation& operation : batch.operations) {
    if (operation.kind == OperationKind::kDeleteRange) {
      if (Status status = FindRange(operation, batch, family, &in_ranges); !status.ok()) {
        return status;
      }
      states.push_back(nullptr);
      continue;
    }
    const bool wants_value = operation.precondition == Precondition::kValue ||
                             (wants_old && operation.kind != OperationKind::kCheck);
    base::Result<KeyState*> state =
        states_.Lookup({batch.keyspace, operation.key}, family,
                       wants_value ? KeyStates::Want::kValue : KeyStates::Want::kHeader);
    if (!state.ok()) return state.status();
    const KeyState& found = **state;
    Status held = CheckPrecondition(operation, found.exists ? &found.header.mod_revision : nullptr,
                                    found.value);
    if (!held.ok()) return held;
    has_effect |= operation.kind == OperationKind::kPut ||
                  (operation.kind == OperationKind::kDelete && found.exists);
    states.push_back(*state);
  }
  CommitResult result{revision_, 0};
  if (!has_effect && in_ranges == 0) return result;

  // From here on nothing can fail but the group as a whole (see Note()).
  result.revision = revision_ + 1;
  for (std::size_t i = 0; i < states.size(); ++i) {
    const Operation& operation = batch.operations[i];
    const StagedKey key{batch.keyspace, operation.key};
    if (operation.kind == OperationKind::kPut) {
      if (wants_old) AddOldValue(*states[i], key.bytes);
      AddPut(operation, key, family, states[i]);
    } else if (operation.kind == OperationKind::kDelete && states[i]->exists) {
      if (wants_old) AddOldValue(*states[i], key.bytes);
      AddDelete(key, family, states[i], 0);
      ++result.deleted_count;
    }
  }
  for (const auto& range_key : range_keys_) {
    const StagedKey key{batch.keyspace, *range_key};
    KeyState& state = states_.At(key);
    AddOldValue(state, key.bytes);
    AddDelete(key, family, &state, 0);
    ++result.deleted_count;
  }
  AddHistory(batch.keyspace);
  return result;
}

Status StagedGroup::StageExpiry(KeyspaceId keyspace, std::span<const DueKey> keys) {
  rocksdb::ColumnFamilyHandle* const family = engine_.family(keyspace);
  bool has_effect = false;
  for (const DueKey& due : keys) {
    const StagedKey key{keyspace, due.key};
    Note(
        write_->Delete(engine_.expiry_family(), EncodeExpiryKey({due.at_ms, keyspace, key.bytes})));
    if (family == nullptr) continue;
    const bool wants_old = old_values_.AreKept(keyspace);
    auto state =
        states_.Lookup(key, family, wants_old ? KeyStates::Want::kValue : KeyStates::Want::kHeader);
    if (!state.ok()) return state.status();
    if (!(*state)->exists || (*state)->header.mod_revision != due.revision) continue;
    AddOldValue(**state, key.bytes);
    AddDelete(key, family, *state, kRowExpired);
    has_effect = true;
  }
  if (has_effect) AddHistory(keyspace);
  return {};
}

base::Result<rocksdb::WriteBatch*> StagedGroup::Finish() {
  if (!broken_.ok()) return broken_;
  return write_.get();
}

}  // namespace belay::storage
