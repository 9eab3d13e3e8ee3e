#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/unique_fd.h"
#include "broker/daemon/connection_caps.h"
#include "broker/daemon/descriptor_limit.h"
#include "broker/daemon/peer.h"
#include "broker/daemon/refusal_log.h"

namespace belay::daemon {
namespace {

using base::UniqueFd;

std::pair<UniqueFd, UniqueFd> UnixPair() {
  std::array<int, 2> fds{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::pair<UniqueFd, UniqueFd> TcpPair(const sockaddr_storage& loopback) {
  const UniqueFd listener(::socket(loopback.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address = loopback;
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  UniqueFd client(::socket(loopback.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
  return {std::move(client), UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC))};
}

sockaddr_storage Loopback4() {
  sockaddr_storage storage{};
  auto& address = reinterpret_cast<sockaddr_in&>(storage);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return storage;
}

TEST(Peer, OfAUnixSocketIsTheProcess) {
  const auto [client, accepted] = UnixPair();
  const auto peer = PeerOf(accepted.get());
  ASSERT_TRUE(peer.ok()) << peer.status().ToString();
  const std::string user = "uid=" + std::to_string(::getuid());
  EXPECT_EQ(peer->text, user + ",pid=" + std::to_string(::getpid()));
  EXPECT_EQ(peer->origin, user);
}

TEST(Peer, OfTcpIsTheAddress) {
  const auto [client, accepted] = TcpPair(Loopback4());
  sockaddr_in own{};
  socklen_t size = sizeof own;
  ASSERT_EQ(::getsockname(client.get(), reinterpret_cast<sockaddr*>(&own), &size), 0);
  const auto peer = PeerOf(accepted.get());
  ASSERT_TRUE(peer.ok()) << peer.status().ToString();
  EXPECT_EQ(peer->text, "addr=127.0.0.1,port=" + std::to_string(ntohs(own.sin_port)));
  EXPECT_EQ(peer->origin, "127.0.0.1");
}

TEST(Peer, OfWhatIsNotConnectedIsAnError) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(PeerOf(socket.get()).code(), base::Code::kUnavailable);
  EXPECT_FALSE(PeerOf(-1).ok());
}

std::string NameThatGrpcWouldSee(int fd) {
  sockaddr_un name{};
  socklen_t size = sizeof(sockaddr_storage);
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) return "error";
  return std::string("unix:") + name.sun_path;
}

TEST(PeerName, IsTheScopesWithinAScopeAndTheSystemsOutside) {
  const auto [client, accepted] = UnixPair();
  EXPECT_EQ(NameThatGrpcWouldSee(accepted.get()), "unix:");
  const Peer peer{"uid=7,pid=8", "uid=7"};
  {
    const PeerNameScope scope(peer);
    EXPECT_EQ(PeerText(NameThatGrpcWouldSee(accepted.get())), peer.text);
  }
  EXPECT_EQ(NameThatGrpcWouldSee(accepted.get()), "unix:");
  EXPECT_EQ(NameThatGrpcWouldSee(-1), "error");
}

TEST(PeerName, WhatComesFromNoScopeIsNobody) {
  for (const char* text : {"", "unix:", "unix:uid=0,pid=1", "ipv4:127.0.0.1:80", "belay:uid=0"})
    EXPECT_EQ(PeerText(text), "") << text;
}

TEST(ConnectionCaps, CountInAllAndByOrigin) {
  ConnectionCaps caps(3, 2);
  std::vector<ConnectionCaps::Ticket> tickets;
  const auto enter = [&](const char* origin) {
    auto ticket = caps.Enter(origin);
    if (ticket.ok()) tickets.push_back(std::move(*ticket));
    return std::string(ticket.ok() ? "" : ticket.status().reason());
  };
  EXPECT_EQ(enter("a"), "");
  EXPECT_EQ(enter("a"), "");
  EXPECT_EQ(enter("a"), "MAX_CONNECTIONS_PER_ORIGIN");
  EXPECT_EQ(enter("b"), "");
  EXPECT_EQ(enter("c"), "MAX_CONNECTIONS");
  tickets.erase(tickets.begin());  // one of a's
  EXPECT_EQ(enter("a"), "");
  tickets.clear();
  for (const char* origin : {"a", "a", "b"}) EXPECT_EQ(enter(origin), "");
}

TEST(DescriptorLimit, LeavesRoomForOthers) {
  EXPECT_EQ(ConnectionsWithin(1U << 20U, 1'024), 1'024U);
  EXPECT_EQ(ConnectionsWithin(256, 1'024), 42U);
  EXPECT_EQ(ConnectionsWithin(256, 10), 10U);
  EXPECT_EQ(ConnectionsWithin(0, 1'024), 1U);
}

TEST(RefusalLog, OneLineASecondForEachRule) {
  base::VirtualClock clock;
  std::vector<std::string> lines;
  RefusalLog log([&](registry::LogLevel, std::string_view text) { lines.emplace_back(text); },
                 clock);
  for (int i = 0; i < 5; ++i) log.Refused("PREFACE", "addr=1.2.3.4,port=5", "why");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0], "connection from addr=1.2.3.4,port=5 refused by rule PREFACE: why");
  log.Refused("RESET_RATE", "b", "why");
  EXPECT_EQ(lines.size(), 2U);
  clock.AdvanceNs(1'000'000'000);
  log.Refused("PREFACE", "a", "why");
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_NE(lines[2].find("(and 4 more"), std::string::npos) << lines[2];
  const std::vector<std::pair<std::string, std::uint64_t>> counts = {{"PREFACE", 6},
                                                                     {"RESET_RATE", 1}};
  EXPECT_EQ(log.Counts(), counts);
  EXPECT_EQ(log.Refused("PREFACE", "a", "why"), std::nullopt);
  clock.AdvanceNs(1'000'000'000);
  EXPECT_EQ(log.Refused("PREFACE", "a", "why"), 2U) << "it and the one left out";
}

}  // namespace
}  // namespace belay::daemon
