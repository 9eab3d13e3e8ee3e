// The rows of kv scan, export and import as JSON, one object a line:
//
//   {"key":"pkg/bash","value":"...","revision":17}
//
// Where bytes are no UTF-8 the field is "key_base64" or "value_base64" instead. Import ignores other
// fields, so that an export can be imported as it is.
//
// Thread safety: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "belay/rows.hpp"

namespace belay::ctl {

// `has_value` false: of a keys-only scan.
std::string RowToJson(const Row& row, bool has_value);

struct KeyValue {
  std::string key;
  std::string value;
};
// `error` says what is wrong with the line, if nothing is returned.
std::optional<KeyValue> KeyValueFromJson(std::string_view line, std::string* error);

}  // namespace belay::ctl
