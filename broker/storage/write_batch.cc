#include "broker/storage/write_batch.h"

#include <algorithm>
#include <unordered_set>
#include <vector>

#include "broker/storage/limits.h"

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

Status ValidateRange(const Operation& operation) {
  if (operation.key.size() > kMaxKeyBytes || operation.range_end.size() > kMaxKeyBytes) {
    return TooLarge("an end of a range to delete",
                    std::max(operation.key.size(), operation.range_end.size()), "max_key_bytes",
                    kMaxKeyBytes);
  }
  if (!operation.range_end.empty() && operation.range_end <= operation.key) {
    return Status(Code::kInvalidArgument, "the range to delete from " + QuoteKey(operation.key) +
                                              " ends before it begins, at " +
                                              QuoteKey(operation.range_end));
  }
  if (operation.precondition != Precondition::kNone) {
    return Status(Code::kInvalidArgument, "deleting a range takes no precondition");
  }
  return {};
}

Status ValidatePrecondition(const Operation& operation) {
  switch (operation.precondition) {
    case Precondition::kNone:
    case Precondition::kAbsent:
    case Precondition::kRevision: return {};
    case Precondition::kValue:
      if (operation.if_value.size() <= kMaxValueBytes) return {};
      return TooLarge("if_value of key " + QuoteKey(operation.key), operation.if_value.size(),
                      "max_value_bytes", kMaxValueBytes);
  }
  return Status(Code::kInvalidArgument,
                "unknown precondition " +
                    std::to_string(static_cast<std::uint32_t>(operation.precondition)) +
                    " for key " + QuoteKey(operation.key));
}

Status ValidatePut(const Operation& put) {
  if (put.value.size() > kMaxValueBytes) {
    return TooLarge("value of key " + QuoteKey(put.key), put.value.size(), "max_value_bytes",
                    kMaxValueBytes);
  }
  if (put.expires_at_ms < 0) {
    return Status(Code::kInvalidArgument, "key " + QuoteKey(put.key) + " expires before 1970");
  }
  return {};
}

Status ValidateNotPut(const Operation& operation) {
  if (operation.value.empty() && operation.expires_at_ms == 0) return {};
  return Status(Code::kInvalidArgument, "key " + QuoteKey(operation.key) +
                                            " has a value or an expiry, and only a put takes one");
}

Status ValidateOperation(const Operation& operation) {
  Status status;
  switch (operation.kind) {
    case OperationKind::kPut: status = ValidatePut(operation); break;
    case OperationKind::kDelete:
    case OperationKind::kCheck: status = ValidateNotPut(operation); break;
    case OperationKind::kDeleteRange:
      status = ValidateNotPut(operation);
      return status.ok() ? ValidateRange(operation) : status;
    case OperationKind::kMerge:
      return Status(Code::kInvalidArgument, "a merge of key " + QuoteKey(operation.key) +
                                                " must have become a put before it is committed");
    default:
      return Status(Code::kInvalidArgument,
                    "unknown operation " +
                        std::to_string(static_cast<std::uint32_t>(operation.kind)) + " for key " +
                        QuoteKey(operation.key));
  }
  if (status.ok()) status = ValidateKey(operation.key);
  return status.ok() ? ValidatePrecondition(operation) : status;
}

Status NamedTwice(std::string_view key) {
  return Status(Code::kInvalidArgument, "the batch names key " + QuoteKey(key) + " more than once",
                "DUPLICATE_KEY");
}

// Ranges may touch each other, and no key and no other range may lie in one.
Status CheckRangesAreApart(const WriteBatch& batch) {
  const auto is_range = [](const Operation& operation) {
    return operation.kind == OperationKind::kDeleteRange;
  };
  std::vector<const Operation*> sorted;
  for (const Operation& operation : batch.operations) sorted.push_back(&operation);
  // A range comes before a key that is its first.
  std::sort(sorted.begin(), sorted.end(), [&](const Operation* left, const Operation* right) {
    if (left->key != right->key) return left->key < right->key;
    return is_range(*left) && !is_range(*right);
  });
  const Operation* range = nullptr;  // the last one so far
  for (const Operation* operation : sorted) {
    if (range != nullptr && (range->range_end.empty() || operation->key < range->range_end)) {
      return NamedTwice(operation->key);
    }
    if (is_range(*operation)) range = operation;
  }
  return {};
}

}  // namespace

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
  bool has_range = false;
  for (const Operation& operation : batch.operations) {
    if (Status status = ValidateOperation(operation); !status.ok()) return status;
    has_range |= operation.kind == OperationKind::kDeleteRange;
  }
  if (const std::size_t bytes = BatchBytes(batch); bytes > kMaxBatchBytes) {
    return TooLarge("the batch", bytes, "max_batch_bytes", kMaxBatchBytes);
  }
  if (count == 1) return {};
  std::unordered_set<std::string_view> keys(count);
  for (const Operation& operation : batch.operations) {
    if (operation.kind != OperationKind::kDeleteRange && !keys.insert(operation.key).second) {
      return NamedTwice(operation.key);
    }
  }
  return has_range ? CheckRangesAreApart(batch) : Status();
}

std::size_t BatchBytes(const WriteBatch& batch) noexcept {
  std::size_t bytes = 0;
  for (const Operation& operation : batch.operations) {
    bytes += operation.key.size() + operation.value.size() + operation.range_end.size();
  }
  return bytes;
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
