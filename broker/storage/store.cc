#include "broker/storage/store.h"

#include <unordered_set>
#include <utility>

namespace belay::storage {
namespace {

using base::Code;
using base::Status;

constexpr std::size_t kQuotedKeyBytes = 64;

Status TooLarge(const std::string& what, std::size_t bytes, const char* bound,
                std::size_t limit_bytes) {
  return Status(Code::kInvalidArgument,
                what + " has " + std::to_string(bytes) + " bytes, the bound " + bound + " is " +
                    std::to_string(limit_bytes),
                "LIMIT_EXCEEDED");
}

Status ValidateOperation(const Operation& operation) {
  if (Status status = ValidateKey(operation.key); !status.ok()) return status;
  switch (operation.kind) {
    case OperationKind::kPut:
      if (operation.value.size() > kMaxValueBytes) {
        return TooLarge("value of key " + QuoteKey(operation.key), operation.value.size(),
                        "max_value_bytes", kMaxValueBytes);
      }
      break;
    case OperationKind::kDelete:
    case OperationKind::kCheck:
      if (!operation.value.empty()) {
        return Status(Code::kInvalidArgument,
                      "key " + QuoteKey(operation.key) + " has a value, and only a put takes one");
      }
      break;
    default:
      return Status(Code::kInvalidArgument,
                    "unknown operation " +
                        std::to_string(static_cast<std::uint32_t>(operation.kind)) + " for key " +
                        QuoteKey(operation.key));
  }
  switch (operation.precondition) {
    case Precondition::kNone:
    case Precondition::kAbsent:
    case Precondition::kRevision: return Status();
  }
  return Status(Code::kInvalidArgument,
                "unknown precondition " +
                    std::to_string(static_cast<std::uint32_t>(operation.precondition)) +
                    " for key " + QuoteKey(operation.key));
}

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

Status ValidateKey(std::string_view key) {
  if (key.empty()) return Status(Code::kInvalidArgument, "the key is empty; 1 byte is the least");
  if (key.size() > kMaxKeyBytes) {
    return TooLarge("key " + QuoteKey(key), key.size(), "max_key_bytes", kMaxKeyBytes);
  }
  return Status();
}

Status ValidateBatch(const WriteBatch& batch) {
  const std::size_t count = batch.operations.size();
  if (count == 0) return Status(Code::kInvalidArgument, "the batch is empty");
  if (count > kMaxBatchOperations) {
    return Status(Code::kInvalidArgument,
                  "the batch has " + std::to_string(count) + " operations, the bound " +
                      "max_batch_operations is " + std::to_string(kMaxBatchOperations),
                  "LIMIT_EXCEEDED");
  }
  std::size_t batch_bytes = 0;
  for (const Operation& operation : batch.operations) {
    if (Status status = ValidateOperation(operation); !status.ok()) return status;
    batch_bytes += operation.key.size() + operation.value.size();
  }
  if (batch_bytes > kMaxBatchBytes) {
    return TooLarge("the batch", batch_bytes, "max_batch_bytes", kMaxBatchBytes);
  }
  if (count == 1) return Status();
  std::unordered_set<std::string_view> keys(count);
  for (const Operation& operation : batch.operations) {
    if (!keys.insert(operation.key).second) {
      return Status(Code::kInvalidArgument,
                    "the batch names key " + QuoteKey(operation.key) + " more than once",
                    "DUPLICATE_KEY");
    }
  }
  return Status();
}

std::string QuoteKey(std::string_view key) {
  static constexpr char kHexDigits[] = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : key.substr(0, kQuotedKeyBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == '"' || byte == '\\') {
      quoted.append({'\\', c});
    } else if (byte >= 0x20 && byte < 0x7f) {
      quoted.push_back(c);
    } else {
      quoted.append({'\\', 'x', kHexDigits[byte >> 4], kHexDigits[byte & 15]});
    }
  }
  quoted.push_back('"');
  if (key.size() > kQuotedKeyBytes) quoted += "... (" + std::to_string(key.size()) + " bytes)";
  return quoted;
}

}  // namespace belay::storage
