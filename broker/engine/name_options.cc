#include "broker/engine/name_options.h"

#include <algorithm>

namespace belay::engine {

using base::Code;
using base::Status;

Status CheckName(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes) {
    return Status(Code::kInvalidArgument,
                  "a name must have 1 to 255 bytes, not " + std::to_string(name.size()),
                  "BAD_NAME");
  }
  const bool has_control = std::any_of(name.begin(), name.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
  if (!has_control) return {};
  return Status(Code::kInvalidArgument, "a name must not contain control characters", "BAD_NAME");
}

Status NameNotBound(std::string_view name) {
  return Status(Code::kNotFound, "no callback is bound to the name \"" + std::string(name) + "\"",
                "NAME_NOT_BOUND");
}

}  // namespace belay::engine
