// The release that this client belongs to.
#pragma once

#include <string_view>

namespace belay::client {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace belay::client
