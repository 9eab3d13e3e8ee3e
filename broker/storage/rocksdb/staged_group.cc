#include "broker/storage/rocksdb/staged_group.h"

#include <string>
#include <utility>
#include <vector>

#include "broker/storage/rocksdb/errors.h"
#include "rocksdb/db.h"
#include "rocksdb/write_batch.h"

namespace belay::storage {

using base::Code;
using base::Status;

namespace {

Status CheckPrecondition(const Operation& operation, bool exists, Revision mod_revision) {
  switch (operation.precondition) {
    case Precondition::kNone: return Status();
    case Precondition::kAbsent:
      if (!exists) return Status();
      return Status(Code::kAborted,
                    "key " + QuoteKey(operation.key) + " exists, last changed at revision " +
                        std::to_string(mod_revision),
                    "KEY_EXISTS");
    case Precondition::kRevision:
      if (exists && mod_revision == operation.if_revision) return Status();
      return Status(Code::kAborted,
                    "key " + QuoteKey(operation.key) +
                        " should have been last changed at revision " +
                        std::to_string(operation.if_revision) + ", and " +
                        (exists ? "was at " + std::to_string(mod_revision) : "does not exist"),
                    "REVISION_MISMATCH");
  }
  return Status(Code::kInternal, "unknown precondition");
}

}  // namespace

StagedGroup::StagedGroup(const Engine& engine, Revision current_revision)
    : engine_(engine),
      first_revision_(current_revision),
      revision_(current_revision),
      write_(std::make_unique<rocksdb::WriteBatch>()) {}

StagedGroup::~StagedGroup() = default;

base::Result<StagedGroup::KeyState*> StagedGroup::Lookup(std::string_view key) {
  const auto [it, inserted] = states_.try_emplace(key);
  KeyState* state = &it->second;
  if (!inserted) return state;
  rocksdb::PinnableSlice record;
  const rocksdb::Status status =
      engine_.db().Get(rocksdb::ReadOptions(), engine_.data_family(), ToSlice(key), &record);
  if (status.IsNotFound()) return state;
  std::optional<RecordHeader> header;
  if (status.ok()) header = DecodeRecordHeader(ToView(record));
  if (!header) {
    states_.erase(it);  // not known: the next who asks must read for himself
    if (!status.ok()) return FromRocks(status, "reading key " + QuoteKey(key));
    return Corrupt("key " + QuoteKey(key) + ": its record is too short");
  }
  state->exists = true;
  state->header = *header;
  return state;
}

void StagedGroup::AddPut(const Operation& operation, Revision revision, KeyState* state) {
  RecordHeader& header = state->header;
  if (!state->exists) header = RecordHeader{revision, revision, 0};
  state->exists = true;
  header.mod_revision = revision;
  ++header.version;
  char bytes[kRecordHeaderBytes];
  EncodeRecordHeader(header, bytes);
  const rocksdb::Slice key = ToSlice(operation.key);
  const rocksdb::Slice record[] = {rocksdb::Slice(bytes, sizeof bytes), ToSlice(operation.value)};
  Note(write_->Put(engine_.data_family(), rocksdb::SliceParts(&key, 1),
                   rocksdb::SliceParts(record, 2)));
}

void StagedGroup::Note(const rocksdb::Status& added) {
  if (!added.ok() && broken_.ok()) broken_ = FromRocks(added, "staging a batch");
}

base::Result<CommitResult> StagedGroup::Stage(const WriteBatch& batch) {
  // First all that may refuse the batch, then all that changes something.
  std::vector<KeyState*> states;  // stable: unordered_map moves no elements
  states.reserve(batch.operations.size());
  bool has_effect = false;
  for (const Operation& operation : batch.operations) {
    base::Result<KeyState*> state = Lookup(operation.key);
    if (!state.ok()) return state.status();
    Status held = CheckPrecondition(operation, (*state)->exists, (*state)->header.mod_revision);
    if (!held.ok()) return held;
    has_effect |= operation.kind == OperationKind::kPut ||
                  (operation.kind == OperationKind::kDelete && (*state)->exists);
    states.push_back(*state);
  }
  CommitResult result{revision_, 0};
  if (!has_effect) return result;

  // From here on nothing can fail but the group as a whole (see Note()).
  result.revision = revision_ + 1;
  RowBlockBuilder history;
  for (std::size_t i = 0; i < states.size(); ++i) {
    const Operation& operation = batch.operations[i];
    if (operation.kind == OperationKind::kPut) {
      AddPut(operation, result.revision, states[i]);
      history.Append(Row{result.revision, RowKind::kPut, operation.key, operation.value});
    } else if (operation.kind == OperationKind::kDelete && states[i]->exists) {
      *states[i] = KeyState();
      Note(write_->Delete(engine_.data_family(), ToSlice(operation.key)));
      history.Append(Row{result.revision, RowKind::kDelete, operation.key, {}});
      ++result.deleted_count;
    }
  }
  Note(write_->Put(engine_.history_family(), HistoryKey(result.revision), history.Take()));
  revision_ = result.revision;
  return result;
}

base::Result<rocksdb::WriteBatch*> StagedGroup::Finish() {
  Note(write_->Put(engine_.facts_family(), kRevisionKey, EncodeNumber(revision_)));
  if (!broken_.ok()) return broken_;
  return write_.get();
}

}  // namespace belay::storage
