#include "broker/daemon/config.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "broker/daemon/setting_values.h"
#include "broker/daemon/settings.h"
#include "broker/daemon/store_config.h"
#include "broker/daemon/version.h"

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;

namespace {

using Description = SettingDescription;

constexpr std::array kSettings = {
    Description{"listen",
                "Where to listen: unix:/path, address:port with --tls-cert, or 127.0.0.1:port with "
                "--allow-plaintext-loopback; repeatable"},
    Description{
        "tls-cert",
        "PEM file of the certificate, and of those up to its root: TCP speaks TLS; read again "
        "when it changes, like the other two"},
    Description{"tls-key", "PEM file of the certificate's key"},
    Description{"tls-client-ca",
                "PEM file of authorities: clients on TCP must have a certificate of one of them"},
    Description{
        "tokens",
        "File of bearer tokens, a line for each: NAME SHA256 (belayctl token new makes one); "
        "TCP clients without a certificate must bring one then; read again when it changes"},
    Description{"policy",
                "TOML file of who may do what (belayctl policy check explains it); none: whoever "
                "may connect may do everything; read again when it changes"},
    Description{"data", "Folder of the store, made if missing; none: no store"},
    Description{"backup-dir", "Folder in which clients may have backups made; none: they may not"},
    Description{"log-level", "trace, debug, info, warning, error, off (default info)"},
    Description{"socket-mode", "Permissions of unix sockets, octal (default 0660)"},
    Description{"max-audit-entries",
                "Entries of the audit that are kept, the newest (default 10000)"},
    Description{"drain-timeout",
                "How long calls in flight may take to end at shutdown: 500ms, 10s (default 10s)"},
    Description{
        "guard",
        "Whose connections pass the guard: tcp, or all for unix sockets, too (default tcp)"},
    Description{"max-connections", "Guarded connections in all (default 1024)"},
    Description{"max-connections-per-origin",
                "Guarded connections of one address, IPv6 network or user (default 256)"},
    Description{"guard-resets-per-second",
                "Streams of one connection that may be reset (default 200; a client's cancelled "
                "calls count)"},
    Description{"guard-settings-per-second",
                "Changes of settings on one connection (default 10; clients make one)"},
    Description{"guard-pings-per-second",
                "Pings and their answers on one connection (default 100; keepalive needs few)"},
    Description{"guard-idle-frames-per-second",
                "Frames that carry nothing on one connection (default 1000)"},
    Description{"guard-header-block-bytes",
                "Compressed headers of one call (default 16384; raise it for large metadata)"},
    Description{"handshake-timeout",
                "How long a guarded connection may take to begin HTTP/2: 500ms, 10s (default 10s)"},
    Description{"max-frame-bytes", "Bytes of one frame or message of a client"},
    Description{"max-payload-bytes", "Bytes of one call's payload or reply"},
    Description{"max-calls-in-flight", "Unanswered calls of one session, as caller and as host"},
    Description{"max-handles", "Callbacks and handles of one session"},
    Description{"max-snapshots", "Snapshots of the store that one session may hold"},
    Description{"max-store-requests", "Unanswered store requests of one session"},
    Description{"max-unacked-bytes",
                "Output kept for a client that may resume, until it is acknowledged"},
    Description{
        "session-grace",
        "How long a session may outlive its connection: 30s; 0: it never does (default 30s)"},
    Description{"session-lease",
                "How long a client may be silent before its connection counts as lost; 0: for ever "
                "(default 15s)"},
};
constexpr const char* kPlaintext = "allow-plaintext-loopback";
constexpr std::uint64_t kMostOfABound = std::numeric_limits<std::int32_t>::max();

Result<TcpUse> CheckTcp(const Config& config) {
  const bool has_tls = !config.tls_certificate.empty();
  if (has_tls != !config.tls_key.empty() || (!has_tls && !config.tls_client_ca.empty())) {
    return Status(Code::kInvalidArgument,
                  "TLS needs both tls-cert and tls-key; tls-client-ca is in addition to them");
  }
  if (has_tls && config.allow_plaintext_loopback) {
    return Status(
        Code::kInvalidArgument,
        "allow-plaintext-loopback and tls-cert exclude each other: with a certificate every "
        "TCP listener speaks TLS; local clients have unix sockets");
  }
  if (has_tls) return TcpUse::kTls;
  return config.allow_plaintext_loopback ? TcpUse::kPlaintextOnLoopback : TcpUse::kNone;
}

Status Check(const Settings& settings, Config* config) {
  if (const auto* const setting = settings.Find(kPlaintext)) {
    const std::string& value = setting->values.back();
    if (value != "true" && value != "false" && value != "1" && value != "0")
      return BadSetting(*setting, kPlaintext, "must be true or false");
    config->allow_plaintext_loopback = value == "true" || value == "1";
  }
  for (const auto& [name, file] :
       {std::pair{"tls-cert", &config->tls_certificate}, std::pair{"tls-key", &config->tls_key},
        std::pair{"tls-client-ca", &config->tls_client_ca}, std::pair{"tokens", &config->tokens},
        std::pair{"policy", &config->policy}}) {
    if (const auto* const setting = settings.Find(name)) *file = setting->values.back();
  }
  const auto tcp = CheckTcp(*config);
  if (!tcp.ok()) return tcp.status();
  const auto* const listen = settings.Find("listen");
  if (listen == nullptr) {
    return Status(Code::kInvalidArgument,
                  "nowhere to listen: give --listen unix:/path/of/socket (or BELAYD_LISTEN, or "
                  "\"listen\" in the configuration file)");
  }
  for (const std::string& text : listen->values) {
    auto address = ParseListenAddress(text, *tcp);
    if (!address.ok()) return address.status();
    config->listen.push_back(std::move(*address));
  }
  if (const auto* const setting = settings.Find("data")) config->data = setting->values.back();
  if (const auto* const setting = settings.Find("backup-dir"))
    config->backup_dir = setting->values.back();
  if (const auto* const setting = settings.Find("log-level")) {
    constexpr std::array kLevels = {"trace", "debug", "info", "warning", "error", "off"};
    config->log_level = setting->values.back();
    if (std::find(kLevels.begin(), kLevels.end(), config->log_level) == kLevels.end())
      return BadSetting(*setting, "log-level", "must be trace, debug, info, warning, error or off");
  }
  if (const auto* const setting = settings.Find("socket-mode")) {
    std::uint64_t mode = 0;
    if (!ParseNumber(setting->values.back(), 8, &mode) || mode > 0777)
      return BadSetting(*setting, "socket-mode", "must be an octal number up to 0777");
    config->socket_mode = static_cast<std::uint32_t>(mode);
  }
  if (const auto* const setting = settings.Find("guard")) {
    const std::string& value = setting->values.back();
    if (value != "tcp" && value != "all")
      return BadSetting(*setting, "guard", "must be tcp or all");
    config->guarded_listeners = value == "all" ? GuardedListeners::kAll : GuardedListeners::kTcp;
  }
  for (const auto& [name, duration_ms] :
       {std::pair{"drain-timeout", &config->drain_timeout_ms},
        std::pair{"handshake-timeout", &config->handshake_timeout_ms},
        std::pair{"session-grace", &config->limits.session_grace_ms},
        std::pair{"session-lease", &config->limits.session_lease_ms}}) {
    if (auto status = ReadDuration(settings, name, duration_ms); !status.ok()) return status;
  }
  Limits& limits = config->limits;
  for (const auto& [name, bound] :
       {std::pair{"max-frame-bytes", &limits.max_frame_bytes},
        std::pair{"max-payload-bytes", &limits.max_payload_bytes},
        std::pair{"max-calls-in-flight", &limits.max_calls_in_flight},
        std::pair{"max-handles", &limits.max_handles},
        std::pair{"max-snapshots", &limits.max_snapshots},
        std::pair{"max-store-requests", &limits.max_store_requests},
        std::pair{"max-unacked-bytes", &limits.max_unacked_bytes},
        std::pair{"guard-resets-per-second", &config->guard.max_resets_per_second},
        std::pair{"guard-settings-per-second", &config->guard.max_settings_per_second},
        std::pair{"guard-pings-per-second", &config->guard.max_pings_per_second},
        std::pair{"guard-idle-frames-per-second", &config->guard.max_idle_frames_per_second},
        std::pair{"guard-header-block-bytes", &config->guard.max_header_block_bytes},
        std::pair{"max-audit-entries", &config->max_audit_entries},
        std::pair{"max-connections", &config->max_connections},
        std::pair{"max-connections-per-origin", &config->max_connections_per_origin}}) {
    std::uint64_t number = *bound;
    if (auto status = ReadNumber(settings, name, 1, kMostOfABound, &number); !status.ok())
      return status;
    *bound = static_cast<std::uint32_t>(number);
  }
  return ReadStoreTuning(settings, &config->store);
}

}  // namespace

Result<ParsedConfig> ParseConfig(int argc, const char* const* argv) {
  CLI::App app{"belayd: the Belay broker", "belayd"};
  std::map<std::string, std::vector<std::string>> given;
  std::vector<std::string> names = {kPlaintext};
  const auto add_option = [&](const Description& setting) {
    names.emplace_back(setting.name);
    app.add_option(std::string("--") + setting.name, given[setting.name],
                   std::string(setting.help) + " [" + EnvironmentName(setting.name) + "]")
        ->allow_extra_args(false);
  };
  std::for_each(kSettings.begin(), kSettings.end(), add_option);
  std::for_each(kStoreSettings.begin(), kStoreSettings.end(), add_option);
  bool plaintext = false;
  app.add_flag(std::string("--") + kPlaintext, plaintext,
               "Allow loopback TCP, which is not encrypted and open to every local user");
  std::string file;
  app.add_option("--config", file, "TOML file with these settings")->envname("BELAYD_CONFIG");
  ParsedConfig parsed;
  app.add_option("--ready-fd", parsed.config.ready_fd,
                 "Write the ready line to this file descriptor instead of stdout, and close it");
  app.set_version_flag("--version", "belayd " + std::string(kVersion));
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    parsed.print_and_exit = app.help();
    return parsed;
  } catch (const CLI::CallForVersion&) {
    parsed.print_and_exit = app.version() + "\n";
    return parsed;
  } catch (const CLI::ParseError& error) {
    return Status(Code::kInvalidArgument, std::string(error.what()) + " (see belayd --help)");
  }

  Settings settings(std::move(names));
  for (auto& [name, values] : given) {
    if (!values.empty()) settings.Set(name, std::move(values), "--" + name);
  }
  if (plaintext) settings.Set(kPlaintext, {"true"}, std::string("--") + kPlaintext);
  settings.ReadEnvironment();
  if (!file.empty()) {
    if (auto status = settings.ReadFile(file); !status.ok()) return status;
  }
  if (auto status = Check(settings, &parsed.config); !status.ok()) return status;
  return parsed;
}

}  // namespace belay::daemon
