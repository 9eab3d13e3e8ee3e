#include "broker/engine/merge_operators.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "broker/base/bytes.h"

namespace belay::engine {

using base::Code;
using base::Result;
using base::Status;

namespace {

using Number = std::int64_t;

std::string WrongSize(const char* what, std::size_t size_bytes) {
  return std::string("add_i64: the ") + what + " has " + std::to_string(size_bytes) +
         " bytes, a number has " + std::to_string(sizeof(Number));
}

Result<std::string> AddI64(const std::string* value, std::string_view operand) {
  if (operand.size() != sizeof(Number))
    return Status(Code::kInvalidArgument, WrongSize("operand", operand.size()));
  if (value != nullptr && value->size() != sizeof(Number))
    return Status(Code::kFailedPrecondition, WrongSize("value", value->size()), "NOT_MERGEABLE");
  const Number before = value != nullptr ? base::LoadLittle<Number>(value->data()) : 0;
  const Number added = base::LoadLittle<Number>(operand.data());
  Number sum = 0;
  if (__builtin_add_overflow(before, added, &sum)) {
    return Status(Code::kOutOfRange, "add_i64: " + std::to_string(before) + " and " +
                                         std::to_string(added) + " have no sum in 64 bits");
  }
  std::string bytes;
  base::AppendLittle(bytes, sum);
  return bytes;
}

Result<std::string> Append(const std::string* value, std::string_view operand) {
  std::string whole = value != nullptr ? *value : std::string();
  return whole.append(operand);
}

// Characters of a std::string compare as unsigned bytes.
Result<std::string> Max(const std::string* value, std::string_view operand) {
  return value != nullptr ? std::string(std::max<std::string_view>(*value, operand))
                          : std::string(operand);
}

Result<std::string> Min(const std::string* value, std::string_view operand) {
  return value != nullptr ? std::string(std::min<std::string_view>(*value, operand))
                          : std::string(operand);
}

struct Named {
  std::string_view name;
  MergeOperator merge;
};
constexpr std::array kOperators = {Named{"add_i64", &AddI64}, Named{"append", &Append},
                                   Named{"max", &Max}, Named{"min", &Min}};

}  // namespace

MergeOperator FindMergeOperator(std::string_view name) noexcept {
  const auto* const found = std::find_if(kOperators.begin(), kOperators.end(),
                                         [&](const Named& known) { return known.name == name; });
  return found != kOperators.end() ? found->merge : nullptr;
}

}  // namespace belay::engine
