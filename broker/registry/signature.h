// C signatures of typed callbacks, such as "i64(i64)" or "void(bool)" (R11).
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "broker/base/status.h"

namespace belay::registry {

inline constexpr int kMaxTypedArguments = 6;

// The signature without spaces, or INVALID_ARGUMENT naming what is wrong in it. Types: void (result
// only), bool, i8..i64, u8..u64, f32, f64, ptr. Two signatures are compatible if these texts are equal.
base::Result<std::string> NormalizeSignature(std::string_view text);

}  // namespace belay::registry
