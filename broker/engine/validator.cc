#include "broker/engine/validator.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "broker/base/deadline.h"
#include "broker/engine/hooks.h"
#include "broker/engine/reply_rows.h"
#include "broker/engine/validators.h"
#include "broker/registry/breaker.h"
#include "broker/registry/handle_table.h"

namespace belay::engine {

using base::Code;
using base::Result;
using base::Status;
using registry::Registry;
using storage::Operation;
using storage::OperationKind;
using storage::RowKind;

Validator::Validator(std::weak_ptr<Validators> validators, ValidatorOptions options,
                     registry::Handle held_callback, const registry::Object& callback_object)
    : validators_(std::move(validators)),
      options_(std::move(options)),
      callback_(held_callback),
      callback_object_(&callback_object),
      callback_label_(callback_object.label()),
      label_("validator on " + storage::QuoteKey(options_.prefix)) {}

Validator::~Validator() { (void)Registry::Release(callback_); }

void Validator::HandlesGone() noexcept {
  if (const auto validators = validators_.lock()) validators->Detached(*this);
}

// HandlesGone() comes later, on the registry's thread.
bool Validator::is_attached() const {
  const registry::Handle handle = handle_;
  return handle != 0 && registry::HandleTable::Get().IsLive(handle);
}

bool Validator::Wants(const Operation& operation) const {
  if (operation.kind == OperationKind::kDeleteRange) {
    const std::string end = storage::PrefixEnd(options_.prefix);
    return (end.empty() || operation.key < end) &&
           (operation.range_end.empty() || options_.prefix < operation.range_end);
  }
  return operation.kind != OperationKind::kCheck && operation.key.starts_with(options_.prefix);
}

bool Validator::WantsAny(const storage::WriteBatch& batch) const {
  if (options_.keyspace != batch.keyspace || !is_attached()) return false;
  return std::any_of(batch.operations.begin(), batch.operations.end(),
                     [&](const Operation& operation) { return Wants(operation); });
}

// A validator is shown keys, so a range becomes those that are in it now.
Status Validator::ExpandRanges(storage::Store& store, storage::WriteBatch* batch) const {
  std::vector<Operation> operations;
  for (Operation& operation : batch->operations) {
    if (operation.kind != OperationKind::kDeleteRange || !Wants(operation)) {
      operations.push_back(std::move(operation));
      continue;
    }
    storage::ScanOptions wish;
    wish.start = operation.key;
    wish.end = operation.range_end;
    wish.keys_only = true;
    wish.limit = storage::kMaxBatchOperations + 1;
    wish.read.keyspace = batch->keyspace;
    auto scan = store.NewScan(wish);
    if (!scan.ok()) return scan.status();
    for (;;) {
      storage::RowBlockBuilder rows;
      const Status status = (*scan)->Next(&rows, 1024, std::size_t{1} << 20);
      if (status.code() == Code::kEnd) break;
      if (!status.ok()) return status;
      const std::string block = rows.Take();
      auto reader = storage::RowBlockReader::Open(block);
      for (storage::Row row; reader->Next(&row).ok();) {
        Operation one;
        one.kind = OperationKind::kDelete;
        one.key = row.key;
        operations.push_back(std::move(one));
      }
    }
  }
  batch->operations = std::move(operations);
  if (batch->operations.size() <= storage::kMaxBatchOperations) return {};
  return Status(Code::kResourceExhausted,
                "the range to delete holds more keys than " + label_ +
                    " can be shown at once, max_batch_operations: delete it in parts",
                "LIMIT_EXCEEDED");
}

Result<std::string> Validator::Show(storage::Store& store, storage::WriteBatch* batch) const {
  std::vector<Operation*> shown;
  std::vector<std::string_view> keys;
  for (Operation& operation : batch->operations) {
    if (!Wants(operation)) continue;
    shown.push_back(&operation);
    keys.push_back(operation.key);
  }
  if (shown.empty()) return std::string();
  std::vector<storage::Record> old(shown.size());
  if (options_.old_values == ShowOldValues::kYes) {
    storage::ReadOptions read;
    read.keyspace = batch->keyspace;
    Status status = store.ReadMany(read, keys, [&](std::size_t i, const storage::RecordView* now) {
      // What an operator or another validator has decided by already must still hold.
      if (!shown[i]->seen_revision)
        shown[i]->seen_revision = now != nullptr ? now->mod_revision : 0;
      if (now == nullptr) return;
      old[i].value = now->value;
      old[i].mod_revision = now->mod_revision;
    });
    if (!status.ok()) return status;
  }
  storage::RowBlockBuilder rows;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const Operation& operation = *shown[i];
    if (old[i].mod_revision != 0) {
      rows.Append({old[i].mod_revision, RowKind::kOld, operation.key, old[i].value});
    }
    rows.Append({0, operation.kind == OperationKind::kPut ? RowKind::kPut : RowKind::kDelete,
                 operation.key, operation.value});
  }
  return rows.Take();
}

Status Validator::Ask(storage::Store& store, storage::WriteBatch* batch) const {
  if (Status status = ExpandRanges(store, batch); !status.ok()) return status;
  auto question = Show(store, batch);
  if (!question.ok()) return question.status();
  if (question->empty()) return {};
  registry::Request request;
  request.payload = std::move(*question);
  request.caller = label_;
  request.deadline_ns = base::DeadlineAfter(options_.timeout_ns);
  const registry::Outcome outcome = Registry::Invoke(callback_, std::move(request));
  const Status& status = outcome.status;
  if (status.ok()) return outcome.reply.empty() ? Status() : Amend(outcome.reply, batch);
  const std::string who = label_ + " by callback \"" + callback_label_ + "\"";
  if (status.code() == Code::kRecursionLimit) return status;
  if (registry::IsAnswer(status.code())) {
    return Status(Code::kFailedPrecondition, "rejected by " + who + ": " + status.message(),
                  "REJECTED");
  }
  return Status(Code::kUnavailable, who + " cannot be asked: " + status.ToString(),
                "VALIDATOR_FAILED");
}

// Puts and deletes of the reply take the place of those shown. What a key was to satisfy it still is.
Status Validator::Amend(const std::string& reply, storage::WriteBatch* batch) const {
  std::map<std::string, Operation> before;
  std::vector<Operation> operations;
  for (Operation& operation : batch->operations) {
    if (!Wants(operation)) {
      operations.push_back(std::move(operation));
    } else {
      std::string key = operation.key;
      before.emplace(std::move(key), std::move(operation));
    }
  }
  const std::string wrong = ReadChanges(reply, [&](const storage::Row& row) -> std::string {
    if (!row.key.starts_with(options_.prefix))
      return "key " + storage::QuoteKey(row.key) + ", which is not under its prefix";
    const auto found = before.find(std::string(row.key));
    Operation operation;
    if (found != before.end()) {
      operation = std::move(found->second);
      before.erase(found);
    }
    operation.kind = row.kind == RowKind::kPut ? OperationKind::kPut : OperationKind::kDelete;
    operation.key = row.key;
    operation.value = row.value;
    if (operation.kind == OperationKind::kDelete) operation.expires_at_ms = 0;
    operations.push_back(std::move(operation));
    return {};
  });
  if (!wrong.empty()) {
    Registry::CountFailure(callback_);
    return Status(Code::kUnavailable,
                  label_ + " by callback \"" + callback_label_ + "\" replied with " + wrong,
                  "VALIDATOR_FAILED");
  }
  for (auto& [key, operation] : before) {
    operation.kind = OperationKind::kCheck;
    operation.value.clear();
    operation.expires_at_ms = 0;
    operations.push_back(std::move(operation));
  }
  batch->operations = std::move(operations);
  return {};
}

}  // namespace belay::engine
