#include "broker/daemon/setting_values.h"

#include <charconv>

namespace belay::daemon {

using base::Code;
using base::Status;

namespace {

bool ParseDuration(std::string text, std::int64_t* duration_ms) {
  std::int64_t unit_ms = 1'000;
  if (text.ends_with("ms")) {
    unit_ms = 1;
    text.resize(text.size() - 2);
  } else if (text.ends_with("s")) {
    text.resize(text.size() - 1);
  }
  std::uint64_t number = 0;
  if (!ParseNumber(text, 10, &number) || number > 86'400'000) return false;
  *duration_ms = static_cast<std::int64_t>(number) * unit_ms;
  return true;
}

}  // namespace

Status BadSetting(const Setting& setting, const std::string& name, const std::string& allowed) {
  return Status(Code::kInvalidArgument, name + " is \"" +
                                            (setting.values.empty() ? "" : setting.values.back()) +
                                            "\" (from " + setting.origin + "): " + allowed);
}

bool ParseNumber(const std::string& text, int base, std::uint64_t* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number, base);
  return error == std::errc() && end == text.data() + text.size();
}

Status ReadDuration(const Settings& settings, const std::string& name, std::int64_t* duration_ms) {
  const Setting* const setting = settings.Find(name);
  if (setting == nullptr || ParseDuration(setting->values.back(), duration_ms)) return {};
  return BadSetting(*setting, name,
                    "must be a time such as 500ms or 10s, 86400000 of them at most");
}

Status ReadNumber(const Settings& settings, const std::string& name, std::uint64_t least,
                  std::uint64_t most, std::uint64_t* number) {
  const Setting* const setting = settings.Find(name);
  if (setting == nullptr) return {};
  std::uint64_t given = 0;
  if (!ParseNumber(setting->values.back(), 10, &given) || given < least || given > most) {
    return BadSetting(
        *setting, name,
        "must be a number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  *number = given;
  return {};
}

}  // namespace belay::daemon
