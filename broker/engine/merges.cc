#include "broker/engine/merges.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/deadline.h"
#include "broker/engine/merge_operators.h"
#include "broker/engine/reply_rows.h"

namespace belay::engine {

using base::Code;
using base::Result;
using base::Status;
using registry::Handle;
using registry::Registry;
using storage::Operation;
using storage::OperationKind;
using storage::RowKind;

namespace {

// A put whose value is still the operand, and what its key has.
struct Merge {
  Operation* operation;
  std::optional<std::string> value;
};
using Merges = std::vector<Merge>;

// What is not to be changed is still looked at when the batch is committed.
void LeaveAlone(Operation* operation) {
  operation->kind = OperationKind::kCheck;
  operation->value.clear();
  operation->expires_at_ms = 0;
}

Status ReadValues(storage::Store& store, const storage::WriteBatch& batch, Merges* merges) {
  std::vector<std::string_view> keys;
  for (const Merge& merge : *merges) keys.emplace_back(merge.operation->key);
  storage::ReadOptions read;
  read.keyspace = batch.keyspace;
  std::size_t bytes = 0;
  const auto visit = [&](std::size_t i, const storage::RecordView* now) {
    Operation& operation = *(*merges)[i].operation;
    operation.seen_revision = now != nullptr ? now->mod_revision : 0;
    if (now == nullptr) return;
    if (operation.expires_at_ms == 0) operation.expires_at_ms = now->expires_at_ms;
    bytes += now->value.size();
    // What is beyond the bound is counted, not kept.
    if (bytes <= storage::kMaxBatchBytes) (*merges)[i].value = now->value;
  };
  Status status = store.ReadMany(read, keys, visit);
  if (!status.ok() || bytes <= storage::kMaxBatchBytes) return status;
  return Status(Code::kResourceExhausted,
                "the values to merge with have " + std::to_string(bytes) +
                    " bytes, the bound max_batch_bytes is " +
                    std::to_string(storage::kMaxBatchBytes) + ": merge in several batches",
                "LIMIT_EXCEEDED");
}

Status Apply(MergeOperator merge_operator, const Merges& merges) {
  for (const auto& [operation, value] : merges) {
    auto merged = merge_operator(value ? &*value : nullptr, operation->value);
    if (!merged.ok()) {
      return Status(merged.code(),
                    "key " + storage::QuoteKey(operation->key) + ": " + merged.status().message(),
                    merged.status().reason());
    }
    if (value && *merged == *value) {
      LeaveAlone(operation);
    } else {
      operation->value = std::move(*merged);
    }
  }
  return {};
}

std::string Question(const Merges& merges) {
  storage::RowBlockBuilder rows;
  for (const auto& [operation, value] : merges) {
    if (value) rows.Append({*operation->seen_revision, RowKind::kOld, operation->key, *value});
    rows.Append({0, RowKind::kPut, operation->key, operation->value});
  }
  return rows.Take();
}

// What is wrong with the reply; empty: nothing.
std::string TakeReply(const std::string& reply, const Merges& merges) {
  std::map<std::string_view, Operation*> asked;
  for (const Merge& merge : merges) asked.emplace(merge.operation->key, merge.operation);
  std::string wrong;
  if (!reply.empty()) {
    wrong = ReadChanges(reply, [&](const storage::Row& row) -> std::string {
      const auto found = asked.find(row.key);
      if (found == asked.end())
        return "key " + storage::QuoteKey(row.key) + ", which it was not asked about, or twice";
      Operation& operation = *found->second;
      operation.kind = row.kind == RowKind::kPut ? OperationKind::kPut : OperationKind::kDelete;
      operation.value = row.value;
      if (operation.kind == OperationKind::kDelete) operation.expires_at_ms = 0;
      asked.erase(found);
      return {};
    });
  }
  for (const auto& [key, operation] : asked) LeaveAlone(operation);
  return wrong;
}

Status Ask(Broker& broker, const std::string& name, const Merges& merges) {
  const auto callback = broker.ResolveTo(name, broker.hooks_owner());
  if (callback.code() == Code::kNotFound) {
    return Status(Code::kNotFound,
                  "there is no merge operator \"" + name +
                      "\": it is neither built in (add_i64, append, max, min) nor a public name",
                  "NO_OPERATOR");
  }
  if (!callback.ok()) return callback.status();
  const std::string who = "merge operator \"" + name + "\"";
  registry::Request request;
  request.payload = Question(merges);
  request.caller = who;
  request.deadline_ns = base::DeadlineAfter(kMergeTimeoutNs);
  const registry::Outcome outcome = Registry::Invoke(*callback, std::move(request));
  Status status = outcome.status;
  if (!status.ok()) {
    status = Status(status.code(), who + ": " + status.message(), status.reason());
  } else if (const std::string wrong = TakeReply(outcome.reply, merges); !wrong.empty()) {
    Registry::CountFailure(*callback);
    status = Status(Code::kCallbackFailed, who + " replied with " + wrong, "BAD_MERGE_REPLY");
  }
  (void)Registry::Release(*callback);
  return status;
}

}  // namespace

bool HasMerges(const storage::WriteBatch& batch) noexcept {
  return std::any_of(batch.operations.begin(), batch.operations.end(),
                     [](const Operation& it) { return it.kind == OperationKind::kMerge; });
}

bool HasMergesByCallback(const storage::WriteBatch& batch) noexcept {
  return std::any_of(batch.operations.begin(), batch.operations.end(), [](const Operation& it) {
    return it.kind == OperationKind::kMerge && FindMergeOperator(it.merge_operator) == nullptr;
  });
}

Status ResolveMerges(Broker& broker, storage::WriteBatch* batch) {
  Merges merges;
  for (Operation& operation : batch->operations) {
    if (operation.kind != OperationKind::kMerge) continue;
    operation.kind = OperationKind::kPut;
    merges.push_back({&operation, {}});
  }
  // Whatever would be refused is refused before anybody is asked.
  if (Status status = storage::ValidateBatch(*batch); !status.ok()) return status;
  const auto store = broker.store();
  if (!store.ok()) return store.status();
  if (Status status = ReadValues(**store, *batch, &merges); !status.ok()) return status;
  std::map<std::string, Merges> by_operator;
  for (Merge& merge : merges)
    by_operator[merge.operation->merge_operator].push_back(std::move(merge));
  for (const auto& [name, its_merges] : by_operator) {
    const MergeOperator built_in = FindMergeOperator(name);
    Status status =
        built_in != nullptr ? Apply(built_in, its_merges) : Ask(broker, name, its_merges);
    if (!status.ok()) return status;
  }
  return {};
}

}  // namespace belay::engine
