// What belayd is told: by flags, else by the environment, else by a TOML file, else by defaults.
//
// Every setting but --config, --ready-fd and --version has all three forms: `--socket-mode 0600`,
// `BELAYD_SOCKET_MODE=0600`, `socket-mode = "0600"`. A list is a repeated flag, a comma-separated
// variable, a TOML array.
//
// Thread safety: reads the environment; call before there are other threads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/base/status.h"
#include "broker/daemon/http2_guard.h"
#include "broker/daemon/limits.h"
#include "broker/daemon/listen_address.h"
#include "broker/storage/tuning.h"

namespace belay::daemon {

// Which listeners' connections pass the guard (http2_guard.h) on their way to gRPC. It costs a copy each
// way, so unix sockets, whose mode says who may connect, go straight unless told otherwise.
enum class GuardedListeners : std::uint8_t { kTcp, kAll };

struct Config {
  std::vector<ListenAddress> listen;
  std::string data;        // folder of the store; empty: none
  std::string backup_dir;  // where backups of it are made; empty: nowhere
  std::string log_level = "info";
  std::uint32_t socket_mode = 0660;
  std::int64_t drain_timeout_ms = 10'000;
  bool allow_plaintext_loopback = false;  // REQUIRES: no TLS
  // PEM files, read again when they change. With a certificate every TCP listener speaks TLS; with an
  // authority, clients must have a certificate of its, too.
  std::string tls_certificate;
  std::string tls_key;
  std::string tls_client_ca;
  // Read again when they change.
  std::string tokens;  // file of the bearer tokens' hashes; empty: none
  std::string policy;  // file of the policy; empty: whoever may connect may do everything
  int ready_fd = -1;
  Limits limits;
  GuardedListeners guarded_listeners = GuardedListeners::kTcp;
  // Of guarded listeners; those of one user or one address.
  std::uint32_t max_connections = 1'024;
  std::uint32_t max_connections_per_origin = 256;
  std::int64_t handshake_timeout_ms = 10'000;  // until a client of theirs has begun to speak HTTP/2
  GuardLimits guard;
  std::uint32_t max_audit_entries = 10'000;
  storage::StoreTuning store;
};

struct ParsedConfig {
  Config config;
  std::string print_and_exit;  // what --help or --version asked for; else empty
};

// INVALID_ARGUMENT names the setting, where it came from, and what is allowed.
base::Result<ParsedConfig> ParseConfig(int argc, const char* const* argv);

}  // namespace belay::daemon
