// belayd: reads its configuration, serves until it is told to stop, exits 0.
//
// Exit codes: 0 stopped as told, 1 could not start, 2 wrong usage or configuration.
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>

#include "broker/daemon/config.h"
#include "broker/daemon/log.h"
#include "broker/daemon/server.h"
#include "broker/daemon/version.h"

namespace {

using belay::base::Status;

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

int Fail(const Status& status, int exit_code) {
  std::fprintf(stderr, "belayd: %s\n", status.message().c_str());
  return exit_code;
}

// One line, once everything listens: scripts and tests wait for it.
void TellReady(const belay::daemon::Config& config, const belay::daemon::Server& server) {
  std::string line = "belayd ready";
  for (const std::string& address : server.Addresses()) line += " " + address;
  line += "\n";
  const int fd = config.ready_fd >= 0 ? config.ready_fd : STDOUT_FILENO;
  if (::write(fd, line.data(), line.size()) < 0) std::perror("belayd: cannot write the ready line");
  if (config.ready_fd >= 0) ::close(config.ready_fd);
  ::sd_notify(0, "READY=1");
}

// Files that decide who may do what are in force soon after they have changed, without anybody's doing.
void LookForChanges(asio::steady_timer& timer, belay::daemon::Server& server) {
  timer.expires_after(std::chrono::seconds(1));
  timer.async_wait([&](asio::error_code cancelled) {
    if (cancelled) return;
    server.ReloadAccess(belay::daemon::Reread::kIfChanged);
    LookForChanges(timer, server);
  });
}

// And at once for who asks.
void ReloadOnSignal(asio::signal_set& signals, belay::daemon::Server& server) {
  signals.async_wait([&](asio::error_code cancelled, int) {
    if (cancelled) return;
    server.ReloadAccess(belay::daemon::Reread::kAlways);
    ReloadOnSignal(signals, server);
  });
}

}  // namespace

int main(int argc, char** argv) {
  auto parsed = belay::daemon::ParseConfig(argc, argv);
  if (!parsed.ok()) return Fail(parsed.status(), kExitUsage);
  if (!parsed->print_and_exit.empty()) {
    std::fputs(parsed->print_and_exit.c_str(), stdout);
    return 0;
  }
  const belay::daemon::Config& config = parsed->config;
  std::signal(SIGPIPE, SIG_IGN);
  asio::io_context io(1);
  asio::signal_set signals(io, SIGTERM, SIGINT);
  asio::signal_set reload(io, SIGHUP);
  const auto log = belay::daemon::MakeLog(config.log_level);
  auto server = belay::daemon::Server::Start(io, config, log);
  if (!server.ok()) return Fail(server.status(), kExitFailed);

  signals.async_wait([&](asio::error_code, int) {
    ::sd_notify(0, "STOPPING=1");
    log(belay::registry::LogLevel::kInfo, "stopping");
    // A second signal ends the process at once.
    asio::error_code ignored;
    signals.clear(ignored);
    (*server)->Stop();
    io.stop();
  });
  asio::steady_timer look(io);
  LookForChanges(look, **server);
  ReloadOnSignal(reload, **server);
  TellReady(config, **server);
  io.run();
  log(belay::registry::LogLevel::kInfo, "stopped");
  return 0;
}
