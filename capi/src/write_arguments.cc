#include "capi/src/write_arguments.h"

#include <cstddef>
#include <cstring>
#include <string>
#include <utility>

namespace belay::capi {

using base::Clock;
using base::Code;
using base::Result;
using base::Status;
using storage::Operation;
using storage::OperationKind;

namespace {

Status Invalid(std::string text) { return Status(Code::kInvalidArgument, std::move(text)); }

Status ReadConditions(const belay_write_options& given, Operation* operation) {
  switch (given.flags & kConditions) {
    case 0: return {};
    case BELAY_WRITE_IF_ABSENT: operation->precondition = storage::Precondition::kAbsent; return {};
    case BELAY_WRITE_IF_REVISION:
      operation->precondition = storage::Precondition::kRevision;
      operation->if_revision = given.if_revision;
      return {};
    case BELAY_WRITE_IF_VALUE: {
      std::string_view value;
      if (!View(given.if_value, given.if_value_size, &value) ||
          value.size() > storage::kMaxValueBytes)
        return Invalid("options->if_value is null with a size, or too large");
      operation->precondition = storage::Precondition::kValue;
      operation->if_value = value;
      return {};
    }
    default: return Invalid("IF_ABSENT, IF_REVISION and IF_VALUE exclude each other");
  }
}

Status ReadTtl(std::uint64_t ttl_ms, const Clock& clock, Operation* operation) {
  constexpr std::uint64_t kMostMs = std::uint64_t{1} << 53U;
  if (ttl_ms == 0) return {};
  if (operation->kind != OperationKind::kPut && operation->kind != OperationKind::kMerge)
    return Invalid("options->ttl_ms is for puts and merges only");
  if (ttl_ms > kMostMs) return Invalid("options->ttl_ms is too large; 0 is never");
  operation->expires_at_ms = clock.WallNs() / 1'000'000 + static_cast<std::int64_t>(ttl_ms);
  return {};
}

}  // namespace

Result<Operation> ReadOperation(OperationKind kind, const void* key, std::uint64_t key_size,
                                const void* value, std::uint64_t value_size) {
  std::string_view key_bytes;
  std::string_view value_bytes;
  if (Status status = ReadKeyArgument(key, key_size, &key_bytes); !status.ok()) return status;
  if (!View(value, value_size, &value_bytes))
    return Invalid("value is null with a size, or value_size is too large");
  // Checked before the copy: a huge size is refused, not allocated.
  if (value_bytes.size() > storage::kMaxValueBytes) {
    return Status(Code::kInvalidArgument,
                  "value_size is " + std::to_string(value_size) +
                      ", the bound max_value_bytes is " + std::to_string(storage::kMaxValueBytes),
                  "LIMIT_EXCEEDED");
  }
  Operation operation;
  operation.kind = kind;
  operation.key = key_bytes;
  operation.value = value_bytes;
  return operation;
}

Result<Operation> ReadMergeOperation(const void* key, std::uint64_t key_size,
                                     const char* operator_name, const void* operand,
                                     std::uint64_t operand_size) {
  constexpr std::size_t kMostNameBytes = 255;
  if (operator_name == nullptr) return Invalid("operator_name is null");
  auto operation = ReadOperation(OperationKind::kMerge, key, key_size, operand, operand_size);
  if (!operation.ok()) return operation;
  operation->merge_operator.assign(operator_name, ::strnlen(operator_name, kMostNameBytes + 1));
  if (operation->merge_operator.empty() || operation->merge_operator.size() > kMostNameBytes)
    return Invalid("operator_name must have 1 to 255 bytes");
  return operation;
}

Result<Operation> ReadRangeOperation(const void* start, std::uint64_t start_size, const void* end,
                                     std::uint64_t end_size) {
  RangeArgument range;
  Status status = ReadRangeArgument(start, start_size, end, end_size, &range);
  if (!status.ok()) return status;
  Operation operation;
  operation.kind = OperationKind::kDeleteRange;
  operation.key = range.start;
  operation.range_end = range.end;
  return operation;
}

Status ReadWriteOptions(const belay_write_options* options, std::uint32_t allowed,
                        const Clock& clock, Operation* operation, storage::Durability* durability) {
  if (options == nullptr) return {};
  belay_write_options given{};
  if (!Load(options, offsetof(belay_write_options, if_revision), &given))
    return Invalid("options->struct_size is too small");
  if ((given.flags & ~(kConditions | BELAY_WRITE_ASYNC)) != 0)
    return Invalid("options->flags has unknown bits");
  if ((given.flags & ~allowed) != 0) {
    return Invalid((given.flags & ~allowed & BELAY_WRITE_ASYNC) != 0
                       ? "BELAY_WRITE_ASYNC belongs to the commit of a batch"
                       : "a condition is of no use here");
  }
  if ((given.flags & BELAY_WRITE_ASYNC) != 0) *durability = storage::Durability::kAsync;
  if (Status status = ReadConditions(given, operation); !status.ok()) return status;
  return ReadTtl(given.ttl_ms, clock, operation);
}

}  // namespace belay::capi
