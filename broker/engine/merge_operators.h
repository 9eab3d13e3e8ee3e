// Merge operators that every broker has: what becomes of a key's value and an operand.
//
//   add_i64  the sum of both, each 8 bytes, little-endian, two's complement; a key that is not there counts as 0
//   append   the value, and the operand behind it
//   max      the greater of both, compared byte by byte, as keys are: numbers are big-endian then
//   min      the lesser
//
// A key that is not there becomes the operand.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "broker/base/status.h"

namespace belay::engine {

// `value`: null if the key is not there. Errors: INVALID_ARGUMENT for an operand that is none; FAILED_PRECONDITION
// with reason NOT_MERGEABLE for a value that the operator cannot work on; OUT_OF_RANGE for a sum that is.
using MergeOperator = base::Result<std::string> (*)(const std::string* value,
                                                    std::string_view operand);

// Null: there is none of that name.
MergeOperator FindMergeOperator(std::string_view name) noexcept;

}  // namespace belay::engine
