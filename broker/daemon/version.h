// The version that --version and the admin door tell.
#pragma once

#include <string_view>

namespace belay::daemon {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace belay::daemon
