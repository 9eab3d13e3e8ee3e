// Flag, environment, file, default; see settings.h.
#include "tools/belayctl/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/un.h>
#include <toml++/toml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "tools/belayctl/text.h"

namespace belay::ctl {
namespace {

constexpr const char* kDefaultEndpoint = "unix:/run/belay/belayd.sock";
constexpr const char* kDefaultTimeout = "10s";

const std::vector<std::string>& Keys() {
  static const std::vector<std::string> keys = {"endpoint", "timeout", "output", "token-file"};
  return keys;
}

using Values = std::map<std::string, std::string>;

// The settings in a file. Nothing, and `error` set, if it cannot be read or says what is not understood.
std::optional<Values> ReadFile(const std::string& path, std::string* error) {
  Values values;
  try {
    const toml::table table = toml::parse_file(path);
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      const auto line = node.source().begin.line;
      const std::vector<std::string>& keys = Keys();
      if (std::find(keys.begin(), keys.end(), name) == keys.end()) {
        const std::string nearest = Nearest(name, keys);
        *error = fmt::format("{}:{}: unknown key \"{}\"{}; known: {}", path, line, Escape(name),
                             nearest.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", nearest),
                             fmt::join(keys, ", "));
        return std::nullopt;
      }
      const std::optional<std::string> value = node.value_exact<std::string>();
      if (!value) {
        *error = fmt::format("{}:{}: \"{}\" must be a text in quotes", path, line, name);
        return std::nullopt;
      }
      values[name] = *value;
    }
  } catch (const toml::parse_error& parse_error) {
    const toml::source_position at = parse_error.source().begin;
    *error = at.line == 0
                 ? fmt::format("{}: {}", path, parse_error.description())
                 : fmt::format("{}:{}:{}: {}", path, at.line, at.column, parse_error.description());
    return std::nullopt;
  }
  return values;
}

std::optional<std::string> FilePath(const Flags& flags, const Environment& environment) {
  if (flags.config) return flags.config;
  if (std::optional<std::string> path = environment("BELAY_CONFIG"); path && !path->empty())
    return path;
  std::string folder;
  if (const auto config = environment("XDG_CONFIG_HOME"); config && !config->empty()) {
    folder = *config;
  } else if (const auto home = environment("HOME"); home && !home->empty()) {
    folder = *home + "/.config";
  } else {
    return std::nullopt;
  }
  std::string path = folder + "/belay/ctl.toml";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  return path;
}

// How a wrong value is named.
std::string Wrong(const std::string& name, const Setting& setting, const std::string& why) {
  return fmt::format("{} \"{}\" ({}): {}", name, Escape(setting.value), Escape(setting.origin),
                     why);
}

// The first word of a file. Nothing if it cannot be read or is empty.
std::string ReadToken(const std::string& path) {
  std::ifstream file(path);
  std::string token;
  file >> token;
  return token;
}

}  // namespace

const std::vector<std::string>& FormatNames() {
  static const std::vector<std::string> names = {"table", "wide", "json", "jsonl", "name"};
  return names;
}

std::optional<Format> ParseFormat(const std::string& text) {
  const std::vector<std::string>& names = FormatNames();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text) return static_cast<Format>(i);
  }
  return std::nullopt;
}

std::string ParseEndpoint(const std::string& text, std::string* error) {
  std::string_view rest = text;
  bool is_path = false;
  if (rest.starts_with("unix:")) {
    rest.remove_prefix(5);
    if (rest.starts_with("//")) rest.remove_prefix(2);
    is_path = true;
  } else if (rest.starts_with("/") || rest.starts_with("./")) {
    is_path = true;
  } else if (rest.starts_with("tcp:")) {
    rest.remove_prefix(4);
    if (rest.starts_with("//")) rest.remove_prefix(2);
  }
  if (is_path) {
    constexpr std::size_t kMaxBytes = sizeof(sockaddr_un::sun_path) - 1;
    if (rest.empty()) {
      *error = "the path of the socket is missing";
    } else if (rest.size() > kMaxBytes) {
      *error = fmt::format("the path has {} bytes, a socket's may have {}", rest.size(), kMaxBytes);
    } else {
      return "unix:" + std::string(rest);
    }
    return {};
  }
  const std::size_t colon = rest.rfind(':');
  const bool has_port = colon != std::string_view::npos && colon > 0 && colon + 1 < rest.size() &&
                        rest.find_first_not_of("0123456789", colon + 1) == std::string_view::npos &&
                        rest.size() - colon <= 6 &&
                        std::stoul(std::string(rest.substr(colon + 1))) <= 65535;
  if (!has_port) {
    *error = "expected unix:/PATH or HOST:PORT";
    return {};
  }
  return std::string(rest);
}

std::optional<Settings> Resolve(const Flags& flags, const Environment& environment,
                                bool is_terminal, std::string* error) {
  Values file;
  const std::optional<std::string> path = FilePath(flags, environment);
  if (path) {
    std::optional<Values> values = ReadFile(*path, error);
    if (!values) return std::nullopt;
    file = *std::move(values);
  }
  const auto pick = [&](const std::string& key, const std::optional<std::string>& flag,
                        const std::string& variable, const std::string& otherwise) -> Setting {
    if (flag) return {*flag, "flag --" + key};
    const std::optional<std::string> value = environment(variable);
    if (value && !value->empty()) return {*value, "environment " + variable};
    if (const auto found = file.find(key); found != file.end())
      return {found->second, "file " + *path};
    return {otherwise, "default"};
  };

  Settings settings;
  settings.endpoint = pick("endpoint", flags.endpoint, "BELAY_ENDPOINT", kDefaultEndpoint);
  settings.timeout = pick("timeout", flags.timeout, "BELAY_TIMEOUT", kDefaultTimeout);
  settings.output = pick("output", flags.output, "BELAY_OUTPUT", is_terminal ? "table" : "json");

  settings.token_file = pick("token-file", flags.token_file, "BELAY_TOKEN_FILE", "");
  if (!settings.token_file.value.empty()) {
    settings.token = ReadToken(settings.token_file.value);
    if (settings.token.empty()) {
      *error = Wrong("token-file", settings.token_file, "there is no token to be read from it");
      return std::nullopt;
    }
  }

  std::string why;
  settings.target = ParseEndpoint(settings.endpoint.value, &why);
  if (settings.target.empty()) {
    *error = Wrong("endpoint", settings.endpoint, why);
    return std::nullopt;
  }
  const std::optional<std::uint32_t> timeout_ms = ParseDurationMs(settings.timeout.value);
  if (!timeout_ms) {
    *error = Wrong("timeout", settings.timeout, "expected a duration like 500ms, 10s or 2m");
    return std::nullopt;
  }
  const std::optional<Format> format = ParseFormat(settings.output.value);
  if (!format) {
    *error = Wrong("output", settings.output,
                   fmt::format("expected one of {}", fmt::join(FormatNames(), ", ")));
    return std::nullopt;
  }
  settings.timeout_ms = *timeout_ms;
  settings.is_timeout_given = settings.timeout.origin != "default";
  settings.format = *format;
  settings.is_format_given = settings.output.origin != "default";
  return settings;
}

}  // namespace belay::ctl
