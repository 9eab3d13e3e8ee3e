// Values of settings: reading them, and saying what is wrong with one.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "broker/base/status.h"
#include "broker/daemon/settings.h"

namespace belay::daemon {

// A setting as --help tells of it.
struct SettingDescription {
  const char* name;
  const char* help;
};

// INVALID_ARGUMENT that names the setting, its value, where it came from, and what is allowed.
base::Status BadSetting(const Setting& setting, const std::string& name,
                        const std::string& allowed);

bool ParseNumber(const std::string& text, int base, std::uint64_t* number);

// For both: leave `*duration_ms` or `*number` alone if nobody set it.
// "500ms", "10s", "10": milliseconds, up to 86,400,000 of the unit that is written.
base::Status ReadDuration(const Settings& settings, const std::string& name,
                          std::int64_t* duration_ms);
base::Status ReadNumber(const Settings& settings, const std::string& name, std::uint64_t least,
                        std::uint64_t most, std::uint64_t* number);

}  // namespace belay::daemon
