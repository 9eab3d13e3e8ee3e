#include "broker/daemon/config.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "broker/daemon/settings.h"

namespace belay::daemon {
namespace {

using base::Code;
using base::Result;

Result<ParsedConfig> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "belayd");
  return ParseConfig(static_cast<int>(arguments.size()), arguments.data());
}

TEST(ListenAddress, Unix) {
  EXPECT_EQ(ParseListenAddress("unix:/run/b.sock", TcpUse::kNone)->path, "/run/b.sock");
  EXPECT_EQ(ParseListenAddress("unix:///run/b.sock", TcpUse::kNone)->path, "/run/b.sock");
  EXPECT_EQ(ParseListenAddress("unix:b.sock", TcpUse::kNone)->path, "b.sock");
  EXPECT_EQ(ToString(*ParseListenAddress("unix:/run/b.sock", TcpUse::kNone)), "unix:/run/b.sock");
  EXPECT_EQ(ParseListenAddress("unix:", TcpUse::kNone).code(), Code::kInvalidArgument);
  EXPECT_TRUE(ParseListenAddress("unix:" + std::string(107, 'x'), TcpUse::kNone).ok());
  EXPECT_EQ(ParseListenAddress("unix:" + std::string(108, 'x'), TcpUse::kNone).code(),
            Code::kInvalidArgument);
}

TEST(ListenAddress, TcpIsForLoopbackAndOnRequest) {
  const auto v4 = ParseListenAddress("127.0.0.1:7411", TcpUse::kPlaintextOnLoopback);
  ASSERT_TRUE(v4.ok());
  EXPECT_FALSE(v4->is_unix());
  EXPECT_EQ(v4->host, "127.0.0.1");
  EXPECT_EQ(v4->port, 7411);
  EXPECT_EQ(ToString(*ParseListenAddress("[::1]:1", TcpUse::kPlaintextOnLoopback)), "[::1]:1");
  for (const char* text :
       {"127.0.0.1", ":1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "localhost:1",
        "0.0.0.0:1", "[::]:1", "192.168.0.1:1", "", "/run/b.sock"}) {
    EXPECT_EQ(ParseListenAddress(text, TcpUse::kPlaintextOnLoopback).code(), Code::kInvalidArgument)
        << text;
  }
  EXPECT_EQ(ParseListenAddress("127.0.0.1:7411", TcpUse::kNone).code(), Code::kInvalidArgument);
}

TEST(ListenAddress, TcpIsForAnyAddressWithTls) {
  for (const char* text : {"0.0.0.0:1", "[::]:1", "192.168.0.1:1", "127.0.0.1:1"})
    EXPECT_TRUE(ParseListenAddress(text, TcpUse::kTls).ok()) << text;
  EXPECT_EQ(ParseListenAddress("localhost:1", TcpUse::kTls).code(), Code::kInvalidArgument);
  const auto refused = ParseListenAddress("0.0.0.0:1", TcpUse::kPlaintextOnLoopback);
  EXPECT_NE(refused.status().message().find("--tls-cert"), std::string::npos);
}

TEST(Config, TlsFilesBelongTogether) {
  const auto code = [](std::vector<const char*> arguments) {
    arguments.insert(arguments.end(), {"--listen", "unix:/a"});
    return Parse(std::move(arguments)).code();
  };
  EXPECT_EQ(code({"--tls-cert", "c", "--tls-key", "k"}), Code::kOk);
  EXPECT_EQ(code({"--tls-cert", "c", "--tls-key", "k", "--tls-client-ca", "a"}), Code::kOk);
  EXPECT_EQ(code({"--tls-cert", "c"}), Code::kInvalidArgument);
  EXPECT_EQ(code({"--tls-key", "k"}), Code::kInvalidArgument);
  EXPECT_EQ(code({"--tls-client-ca", "a"}), Code::kInvalidArgument);
  EXPECT_EQ(code({"--tls-cert", "c", "--tls-key", "k", "--allow-plaintext-loopback"}),
            Code::kInvalidArgument);
}

TEST(Config, TheStoresSettings) {
  const auto parsed =
      Parse({"--listen", "unix:/a", "--store-block-cache-bytes", "1000000",
             "--store-write-buffer-bytes", "8388608", "--store-background-jobs", "4",
             "--store-bloom-bits", "0", "--store-direct-io", "true", "--store-history-bytes",
             "2000000000", "--store-history-revisions", "77", "--store-history-age", "3600s"});
  ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
  const storage::StoreTuning& store = parsed->config.store;
  EXPECT_EQ(store.block_cache_bytes, 1'000'000U);
  EXPECT_EQ(store.write_buffer_bytes, 8'388'608U);
  EXPECT_EQ(store.max_background_jobs, 4);
  EXPECT_EQ(store.bloom_bits, 0);
  EXPECT_EQ(store.file_access, storage::FileAccess::kDirect);
  EXPECT_EQ(store.history_bytes, 2'000'000'000U);
  EXPECT_EQ(store.history_revisions, 77U);
  EXPECT_EQ(store.history_age_ns, 3'600'000'000'000);
  const std::pair<const char*, const char*> refused[] = {
      {"--store-block-cache-bytes", "lots"}, {"--store-write-buffer-bytes", "1000"},
      {"--store-background-jobs", "0"},      {"--store-background-jobs", "65"},
      {"--store-bloom-bits", "33"},          {"--store-direct-io", "maybe"},
      {"--store-history-age", "yesterday"}};
  for (const auto& [name, value] : refused) {
    EXPECT_EQ(Parse({"--listen", "unix:/a", name, value}).code(), Code::kInvalidArgument) << name;
  }
}

TEST(Config, Flags) {
  const auto parsed =
      Parse({"--listen", "unix:/a", "--listen=unix:/b", "--data", "/d", "--socket-mode", "600",
             "--drain-timeout", "250ms", "--ready-fd", "5", "--max-handles", "9"});
  ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
  const Config& config = parsed->config;
  ASSERT_EQ(config.listen.size(), 2U);
  EXPECT_EQ(config.listen[1].path, "/b");
  EXPECT_EQ(config.data, "/d");
  EXPECT_EQ(config.socket_mode, 0600U);
  EXPECT_EQ(config.drain_timeout_ms, 250);
  EXPECT_EQ(config.ready_fd, 5);
  EXPECT_EQ(config.limits.max_handles, 9U);
}

TEST(Config, GuardOfConnections) {
  const auto usual = Parse({"--listen", "unix:/a"});
  ASSERT_TRUE(usual.ok());
  EXPECT_EQ(usual->config.guarded_listeners, GuardedListeners::kTcp);
  const auto parsed = Parse({"--listen", "unix:/a", "--guard", "all", "--max-connections", "7",
                             "--max-connections-per-origin", "3", "--handshake-timeout", "2s"});
  ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
  EXPECT_EQ(parsed->config.guarded_listeners, GuardedListeners::kAll);
  EXPECT_EQ(parsed->config.max_connections, 7U);
  EXPECT_EQ(parsed->config.max_connections_per_origin, 3U);
  EXPECT_EQ(parsed->config.handshake_timeout_ms, 2'000);
  for (const char* flag : {"--guard=none", "--max-connections=0", "--handshake-timeout=soon"})
    EXPECT_EQ(Parse({"--listen", "unix:/a", flag}).code(), Code::kInvalidArgument) << flag;
}

TEST(Config, RatesOfTheGuard) {
  const auto parsed =
      Parse({"--listen", "unix:/a", "--guard-resets-per-second", "1", "--guard-settings-per-second",
             "2", "--guard-pings-per-second", "3", "--guard-idle-frames-per-second", "4",
             "--guard-header-block-bytes", "5"});
  ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
  const GuardLimits& guard = parsed->config.guard;
  EXPECT_EQ(guard.max_resets_per_second, 1U);
  EXPECT_EQ(guard.max_settings_per_second, 2U);
  EXPECT_EQ(guard.max_pings_per_second, 3U);
  EXPECT_EQ(guard.max_idle_frames_per_second, 4U);
  EXPECT_EQ(guard.max_header_block_bytes, 5U);
}

TEST(Config, AccessAndAudit) {
  const auto usual = Parse({"--listen", "unix:/a"});
  ASSERT_TRUE(usual.ok());
  EXPECT_EQ(usual->config.tokens + usual->config.policy, "");
  const auto parsed = Parse(
      {"--listen", "unix:/a", "--tokens", "/t", "--policy", "/p", "--max-audit-entries", "6"});
  ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
  EXPECT_EQ(parsed->config.tokens, "/t");
  EXPECT_EQ(parsed->config.policy, "/p");
  EXPECT_EQ(parsed->config.max_audit_entries, 6U);
}

TEST(Config, Durations) {
  const auto drain = [](const char* text) {
    const auto parsed = Parse({"--listen", "unix:/a", "--drain-timeout", text});
    return parsed.ok() ? parsed->config.drain_timeout_ms : -1;
  };
  EXPECT_EQ(drain("0"), 0);
  EXPECT_EQ(drain("3"), 3'000);
  EXPECT_EQ(drain("3s"), 3'000);
  EXPECT_EQ(drain("3ms"), 3);
  for (const char* bad : {"", "s", "ms", "-1", "1h", "1.5s", "99999999999999999999"})
    EXPECT_EQ(drain(bad), -1) << bad;
}

TEST(Config, W3_GraceAndLeaseOfSessions) {
  const auto parsed = Parse({"--listen", "unix:/a", "--session-grace", "2s", "--session-lease",
                             "300ms", "--max-unacked-bytes", "77"});
  ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
  EXPECT_EQ(parsed->config.limits.session_grace_ms, 2'000);
  EXPECT_EQ(parsed->config.limits.session_lease_ms, 300);
  EXPECT_EQ(parsed->config.limits.max_unacked_bytes, 77U);
  EXPECT_EQ(Parse({"--listen", "unix:/a", "--session-grace", "0"})->config.limits.session_grace_ms,
            0);
  const auto bad = Parse({"--listen", "unix:/a", "--session-lease", "1h"});
  ASSERT_FALSE(bad.ok());
  EXPECT_NE(bad.status().message().find("session-lease"), std::string::npos);
}

TEST(Config, HelpAndVersion) {
  EXPECT_NE(Parse({"--help"})->print_and_exit.find("BELAYD_SOCKET_MODE"), std::string::npos);
  EXPECT_EQ(Parse({"--version"})->print_and_exit.find("belayd "), 0U);
}

TEST(Config, FlagBeforeEnvironmentBeforeFile) {
  const std::string file = ::testing::TempDir() + "/belayd.toml";
  std::ofstream(file) << "listen = \"unix:/file\"\ndata = \"/file\"\nlog-level = \"error\"\n"
                      << "allow-plaintext-loopback = true\nmax-handles = 5\n";
  ::setenv("BELAYD_LISTEN", "unix:/e1,unix:/e2", 1);
  ::setenv("BELAYD_DATA", "/environment", 1);
  const auto parsed = Parse({"--config", file.c_str(), "--data", "/flag"});
  ::unsetenv("BELAYD_LISTEN");
  ::unsetenv("BELAYD_DATA");
  ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
  EXPECT_EQ(parsed->config.data, "/flag");
  ASSERT_EQ(parsed->config.listen.size(), 2U);  // lists are not merged
  EXPECT_EQ(parsed->config.listen[1].path, "/e2");
  EXPECT_EQ(parsed->config.log_level, "error");
  EXPECT_TRUE(parsed->config.allow_plaintext_loopback);
  EXPECT_EQ(parsed->config.limits.max_handles, 5U);
}

TEST(Settings, FilesThatAreWrong) {
  const std::string file = ::testing::TempDir() + "/wrong.toml";
  Settings settings({"data"});
  EXPECT_EQ(settings.ReadFile(::testing::TempDir() + "/none.toml").code(), Code::kInvalidArgument);
  std::ofstream(file) << "data = \n";
  EXPECT_NE(settings.ReadFile(file).message().find("line 1"), std::string::npos);
  std::ofstream(file) << "date = 1\n";
  EXPECT_NE(settings.ReadFile(file).message().find("\"date\""), std::string::npos);
  std::ofstream(file) << "data = [\"a\", \"b\"]\n";
  EXPECT_TRUE(settings.ReadFile(file).ok());
  EXPECT_EQ(settings.Find("data")->values.size(), 2U);
}

}  // namespace
}  // namespace belay::daemon
