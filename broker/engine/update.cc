#include "broker/engine/update.h"

#include <optional>
#include <utility>

#include "broker/base/deadline.h"
#include "broker/engine/commit_path.h"
#include "broker/engine/reply_rows.h"

namespace belay::engine {

using base::Code;
using base::Result;
using base::Status;
using registry::Registry;
using storage::Operation;
using storage::OperationKind;
using storage::RowKind;

namespace {

Result<std::string> Call(const UpdateOptions& options, std::string question) {
  registry::Request request;
  request.payload = std::move(question);
  request.caller = options.caller;
  request.deadline_ns = base::DeadlineAfter(options.timeout_ns);
  registry::Outcome outcome = Registry::Invoke(options.callback, std::move(request));
  if (!outcome.status.ok()) return outcome.status;
  return std::move(outcome.reply);
}

// What the reply asks for; none: nothing.
Result<std::optional<Operation>> ReadReply(const UpdateOptions& options, std::string_view key,
                                           const std::string& reply) {
  std::optional<Operation> wanted;
  if (reply.empty()) return wanted;
  const std::string wrong = ReadChanges(reply, [&](const storage::Row& row) -> std::string {
    if (row.key != key) return "key " + storage::QuoteKey(row.key);
    if (wanted) return "more than one row";
    wanted.emplace();
    wanted->kind = row.kind == RowKind::kPut ? OperationKind::kPut : OperationKind::kDelete;
    wanted->key = row.key;
    wanted->value = row.value;
    return {};
  });
  if (!wrong.empty()) {
    Registry::CountFailure(options.callback);
    return Status(Code::kCallbackFailed,
                  "updating key " + storage::QuoteKey(key) + ": the callback replied with " + wrong,
                  "BAD_UPDATE_REPLY");
  }
  return wanted;
}

}  // namespace

Result<storage::CommitResult> Update(Broker& broker, std::string_view key,
                                     const UpdateOptions& options) {
  auto store = broker.store();
  if (!store.ok()) return store.status();
  storage::ReadOptions read;
  read.keyspace = options.keyspace;
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    storage::RowBlockBuilder rows;
    storage::Revision seen = 0;
    Status status = (*store)->Read(read, key, [&](const storage::RecordView& now) {
      seen = now.mod_revision;
      rows.Append({now.mod_revision, RowKind::kPut, key, now.value});
    });
    if (!status.ok() && (status.code() != Code::kNotFound || status.reason() == "NO_KEYSPACE")) {
      return status;
    }
    auto reply = Call(options, rows.Take());
    if (!reply.ok()) return reply.status();
    auto wanted = ReadReply(options, key, *reply);
    if (!wanted.ok()) return wanted.status();
    if (!*wanted) return storage::CommitResult{(*store)->CurrentRevision(), 0};
    storage::WriteBatch batch;
    batch.keyspace = options.keyspace;
    batch.durability = options.durability;
    (*wanted)->precondition =
        seen != 0 ? storage::Precondition::kRevision : storage::Precondition::kAbsent;
    (*wanted)->if_revision = seen;
    batch.operations.push_back(std::move(**wanted));
    auto committed = broker.Commit(batch);
    // Aborted: it has changed since it was read.
    if (committed.ok() || committed.code() != Code::kAborted) return committed;
  }
  return Status(Code::kAborted,
                "key " + storage::QuoteKey(key) + " changed under each of " +
                    std::to_string(kMostAttempts) + " attempts to update it",
                "TOO_MANY_CONFLICTS");
}

}  // namespace belay::engine
