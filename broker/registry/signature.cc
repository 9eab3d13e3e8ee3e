#include "broker/registry/signature.h"

#include <algorithm>
#include <array>

namespace belay::registry {
namespace {

using base::Code;
using base::Status;

constexpr std::array<std::string_view, 12> kTypes = {"bool", "i8",  "i16", "i32", "i64", "u8",
                                                     "u16",  "u32", "u64", "f32", "f64", "ptr"};

bool IsType(std::string_view name) {
  return std::find(kTypes.begin(), kTypes.end(), name) != kTypes.end();
}

Status Wrong(std::string_view text, std::string_view what) {
  return Status(
      Code::kInvalidArgument,
      "signature \"" + std::string(text.substr(0, 60)) + "\": " + std::string(what) +
          "; expected e.g. i64(i64) or void(bool), of void, bool, i8..i64, u8..u64, f32, f64, ptr",
      "BAD_SIGNATURE");
}

}  // namespace

base::Result<std::string> NormalizeSignature(std::string_view text) {
  std::string plain;
  if (text.size() > 128) return Wrong(text, "longer than 128 bytes");
  std::copy_if(text.begin(), text.end(), std::back_inserter(plain),
               [](char c) { return c != ' '; });
  const std::size_t open = plain.find('(');
  if (open == std::string::npos || plain.back() != ')') return Wrong(text, "no parentheses");
  const std::string_view result = std::string_view(plain).substr(0, open);
  if (result != "void" && !IsType(result)) return Wrong(text, "unknown result type");

  std::string_view rest = std::string_view(plain).substr(open + 1, plain.size() - open - 2);
  for (int count = 1; !rest.empty(); ++count) {
    const std::size_t comma = rest.find(',');
    if (!IsType(rest.substr(0, comma)))
      return Wrong(text, "unknown type of argument " + std::to_string(count));
    if (count > kMaxTypedArguments) return Wrong(text, "more than 6 arguments");
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
    if (rest.empty()) return Wrong(text, "a comma at the end");
  }
  return plain;
}

}  // namespace belay::registry
