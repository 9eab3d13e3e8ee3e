#include "broker/daemon/settings.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace belay::daemon {

using base::Code;
using base::Status;

namespace {

std::vector<std::string> SplitAtCommas(std::string_view text) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

std::string ToText(const toml::node& node) {
  if (const auto* const text = node.as_string()) return text->get();
  std::ostringstream out;
  out << toml::node_view<const toml::node>(node);
  return out.str();
}

}  // namespace

std::string EnvironmentName(std::string_view setting) {
  std::string name = "BELAYD_";
  for (const char c : setting) name += c == '-' ? '_' : static_cast<char>(c - 'a' + 'A');
  return name;
}

void Settings::Set(const std::string& name, std::vector<std::string> values, std::string origin) {
  settings_.try_emplace(name, Setting{std::move(values), std::move(origin)});
}

void Settings::ReadEnvironment() {
  for (const std::string& name : names_) {
    const std::string variable = EnvironmentName(name);
    // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread, see the header
    if (const char* const value = std::getenv(variable.c_str()); value != nullptr)
      Set(name, name == "listen" ? SplitAtCommas(value) : std::vector<std::string>{value},
          variable);
  }
}

Status Settings::ReadFile(const std::string& path) {
  toml::table table;
  try {
    table = toml::parse_file(path);
  } catch (const toml::parse_error& error) {
    const auto line = error.source().begin.line;
    return Status(Code::kInvalidArgument,
                  "configuration file " + path +
                      (line != 0 ? ", line " + std::to_string(line) : std::string()) + ": " +
                      std::string(error.description()));
  }
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    if (std::find(names_.begin(), names_.end(), name) == names_.end()) {
      return Status(Code::kInvalidArgument,
                    "configuration file " + path + ": there is no setting \"" + name + "\"");
    }
    std::vector<std::string> values;
    if (const auto* const list = node.as_array()) {
      for (const toml::node& element : *list) values.push_back(ToText(element));
    } else {
      values.push_back(ToText(node));
    }
    Set(name, std::move(values), path);
  }
  return {};
}

const Setting* Settings::Find(const std::string& name) const {
  const auto found = settings_.find(name);
  return found != settings_.end() ? &found->second : nullptr;
}

}  // namespace belay::daemon
