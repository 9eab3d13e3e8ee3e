// Rows to JSON and back; see json_lines.h.
#include "tools/belayctl/json_lines.h"

#include <absl/strings/escaping.h>
#include <fmt/format.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include "tools/belayctl/text.h"

namespace belay::ctl {
namespace {

std::string Field(const char* name, std::string_view bytes) {
  if (IsUtf8(bytes)) return fmt::format("\"{}\":{}", name, JsonString(bytes));
  return fmt::format("\"{}_base64\":\"{}\"", name,
                     absl::Base64Escape(absl::string_view(bytes.data(), bytes.size())));
}

// The bytes of field `name`, or of its _base64 twin.
std::optional<std::string> Bytes(const google::protobuf::Struct& object, const std::string& name,
                                 std::string* error) {
  const auto plain = object.fields().find(name);
  const auto encoded = object.fields().find(name + "_base64");
  const bool has_plain = plain != object.fields().end();
  if (has_plain == (encoded != object.fields().end())) {
    *error = fmt::format("either \"{0}\" or \"{0}_base64\" is needed", name);
    return std::nullopt;
  }
  const google::protobuf::Value& value = has_plain ? plain->second : encoded->second;
  if (value.kind_case() != google::protobuf::Value::kStringValue) {
    *error = fmt::format("\"{}\" must be a text", has_plain ? name : name + "_base64");
    return std::nullopt;
  }
  if (has_plain) return value.string_value();
  std::string bytes;
  if (!absl::Base64Unescape(value.string_value(), &bytes)) {
    *error = fmt::format("\"{}_base64\" is not base64", name);
    return std::nullopt;
  }
  return bytes;
}

}  // namespace

std::string RowToJson(const Row& row, bool has_value) {
  std::string json = "{" + Field("key", row.key);
  if (has_value) json += "," + Field("value", row.value);
  return json + fmt::format(",\"revision\":{}}}", row.revision);
}

std::optional<KeyValue> KeyValueFromJson(std::string_view line, std::string* error) {
  google::protobuf::Struct object;
  const auto status = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(line.data(), line.size()), &object);
  if (!status.ok()) {
    *error = "not a JSON object: " +
             Escape(std::string_view(status.message().data(), status.message().size()));
    return std::nullopt;
  }
  std::optional<std::string> key = Bytes(object, "key", error);
  if (!key) return std::nullopt;
  std::optional<std::string> value = Bytes(object, "value", error);
  if (!value) return std::nullopt;
  return KeyValue{*std::move(key), *std::move(value)};
}

}  // namespace belay::ctl
