// Settings: raw values by name, each with where it came from.
//
// Three sources in order of rank: flags, environment, file. A name that a higher source has set is not
// taken from a lower one; lists are not merged. Values are checked later, in one place, whatever their source.
//
// Thread safety: reads the environment; call before there are other threads.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/status.h"

namespace belay::daemon {

struct Setting {
  std::vector<std::string> values;
  std::string origin;  // "--data", "BELAYD_DATA", "/etc/belayd.toml"
};

class Settings {
 public:
  // `names` are all that exist, in the form of flags: "socket-mode".
  explicit Settings(std::vector<std::string> names) : names_(std::move(names)) {}

  void Set(const std::string& name, std::vector<std::string> values, std::string origin);
  void ReadEnvironment();
  // INVALID_ARGUMENT names the file and the line, or the unknown setting; NOT_FOUND the file.
  base::Status ReadFile(const std::string& path);

  // Null if nobody set it.
  const Setting* Find(const std::string& name) const;

 private:
  const std::vector<std::string> names_;
  std::map<std::string, Setting> settings_;
};

// "socket-mode" -> "BELAYD_SOCKET_MODE"
std::string EnvironmentName(std::string_view setting);

}  // namespace belay::daemon
