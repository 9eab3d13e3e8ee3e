// What this program is besides the measuring one: brokers and hosts, each in a process of its own.
//
// A role runs as `remote --role NAME ARGUMENT`, prints one line when it is ready, and serves until it is
// killed. The line is what Child::ReadLine() waits for.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/child.h"

namespace belay::bench {

inline constexpr std::string_view kRoleWord = "--role";

// This program in another role. Thread safety: one thread at a time.
class RoleProcess {
 public:
  // Returns when it is ready. Ends the process with status 2 if it never is.
  RoleProcess(std::string_view role, const std::string& argument);

  pid_t pid() const { return child_.pid(); }
  // As Child's.
  void Kill() { child_.Kill(); }

 private:
  Child child_;
};

// If `arguments` ask for a role: serves in it, and returns the exit status.
std::optional<int> RunRole(const std::vector<std::string>& arguments);

inline void SayReady() {
  std::puts("ready");
  std::fflush(stdout);
}

// One each; returns only if it fails.
int ServeBelayHost(const std::string& target);        // belay.cc
int FloodBelay(const std::string& target);            // neighbour.cc
int ServeForwarder(const std::string& path);          // forwarder.cc
int ServeForwarderHost(const std::string& path);      // forwarder.cc
int ServeNatsHostGathered(const std::string& url);    // peers/nats.cc
int ServeNatsHostAtOnce(const std::string& url);      // peers/nats.cc
int ServeRedisHostLists(const std::string& path);     // peers/redis.cc
int ServeRedisHostChannels(const std::string& path);  // peers/redis.cc
int ServeDBusHost(const std::string& address);        // peers/dbus.cc

}  // namespace belay::bench
