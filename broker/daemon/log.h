// Logging: one spdlog logger, to stderr, behind the function type that the broker's parts take.
//
// Thread safety: the returned function may be called from any thread.
#pragma once

#include <string>

#include "broker/registry/registry.h"

namespace belay::daemon {

// `level`: a name that spdlog knows, as the configuration has checked. Call once.
registry::LogFunction MakeLog(const std::string& level);

}  // namespace belay::daemon
