// Settings: where each one came from, and who wins: flag, then environment, then file, then default.
//
//   setting     flag          environment       ctl.toml
//   endpoint    --endpoint    BELAY_ENDPOINT    endpoint = "unix:/run/belay/belayd.sock"
//   timeout     --timeout     BELAY_TIMEOUT     timeout = "10s"
//   output      --output      BELAY_OUTPUT      output = "json"
//   token-file  --token-file  BELAY_TOKEN_FILE  token-file = "/home/me/.config/belay/token"
//
// A token is taken from a file only: arguments and environments are seen by others.
//
// The file is --config, BELAY_CONFIG, or $XDG_CONFIG_HOME/belay/ctl.toml (~/.config if unset); that last
// one may be missing. An unknown key in it is an error.
//
// Thread safety: pure functions over what they are given, except that the file is read.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace belay::ctl {

enum class Format { kTable, kWide, kJson, kJsonLines, kName };

struct Setting {
  std::string value;
  std::string
      origin;  // "flag --endpoint", "environment BELAY_ENDPOINT", "file /x/ctl.toml", "default"
};

struct Settings {
  Setting endpoint;
  Setting timeout;
  Setting output;
  Setting token_file;
  // The same, understood.
  std::string target;            // as gRPC takes it
  std::uint32_t timeout_ms = 0;  // of one request
  bool is_timeout_given = false;
  Format format = Format::kTable;
  bool is_format_given = false;
  std::string token;  // what the file has; empty: there is none
};

// What the command line said; absent: nothing.
struct Flags {
  std::optional<std::string> endpoint;
  std::optional<std::string> timeout;
  std::optional<std::string> output;
  std::optional<std::string> token_file;
  std::optional<std::string> config;
};

using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// `error` says what is wrong and where, if nothing is returned. `is_terminal`: standard output is one;
// it decides the default output, a table there and JSON elsewhere.
std::optional<Settings> Resolve(const Flags& flags, const Environment& environment,
                                bool is_terminal, std::string* error);

// "unix:/path", "/path", "host:port", "tcp:host:port" to what gRPC takes; "" and `error` if it is none.
std::string ParseEndpoint(const std::string& text, std::string* error);

std::optional<Format> ParseFormat(const std::string& text);
const std::vector<std::string>& FormatNames();

}  // namespace belay::ctl
