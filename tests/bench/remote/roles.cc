#include "tests/bench/remote/roles.h"

#include <array>

#include "tests/bench/process.h"

namespace belay::bench {
namespace {

struct Role {
  std::string_view name;
  int (*serve)(const std::string& argument);
};

constexpr std::array kRoles = {
    Role{"belay_host", ServeBelayHost},
    Role{"belay_flood", FloodBelay},
    Role{"forwarder", ServeForwarder},
    Role{"forwarder_host", ServeForwarderHost},
    Role{"nats_host_gathered", ServeNatsHostGathered},
    Role{"nats_host_at_once", ServeNatsHostAtOnce},
    Role{"redis_host_lists", ServeRedisHostLists},
    Role{"redis_host_channels", ServeRedisHostChannels},
    Role{"dbus_host", ServeDBusHost},
};

}  // namespace

RoleProcess::RoleProcess(std::string_view role, const std::string& argument)
    : child_({ThisProgram(), std::string(kRoleWord), std::string(role), argument}) {
  child_.ReadLine();
}

std::optional<int> RunRole(const std::vector<std::string>& arguments) {
  if (arguments.size() != 3 || arguments[0] != kRoleWord) return std::nullopt;
  for (const Role& role : kRoles) {
    if (role.name == arguments[1]) return role.serve(arguments[2]);
  }
  std::fprintf(stderr, "remote: no role %s\n", arguments[1].c_str());
  return 2;
}

}  // namespace belay::bench
