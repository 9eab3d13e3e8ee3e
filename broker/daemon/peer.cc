#include "broker/daemon/peer.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <asio/generic/stream_protocol.hpp>
#include <asio/ip/tcp.hpp>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <system_error>

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;

namespace {

// What a name by a scope begins with: a path that no socket's file has.
constexpr std::string_view kMark = "belay:";
constexpr std::string_view kGrpcScheme = "unix:";

thread_local const Peer* scope_peer = nullptr;

int SystemsGetPeerName(int fd, sockaddr* address, socklen_t* size) {
  return static_cast<int>(::syscall(SYS_getpeername, fd, address, size));
}

Status Gone(const char* what) {
  return Status(Code::kUnavailable,
                std::string(what) + ": " + std::generic_category().message(errno));
}

Result<Peer> PeerOfUnix(int fd) {
  ucred process{};
  socklen_t size = sizeof process;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &process, &size) != 0)
    return Gone("cannot tell who connected");
  const std::string user = "uid=" + std::to_string(process.uid);
  return Peer{user + ",pid=" + std::to_string(process.pid), user};
}

Peer PeerOfTcp(const asio::ip::tcp::endpoint& endpoint) {
  asio::ip::address address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  std::string origin = address.to_string();
  if (address.is_v6()) {
    auto bytes = address.to_v6().to_bytes();
    std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
    origin = asio::ip::address_v6(bytes).to_string() + "/64";
  }
  return {"addr=" + address.to_string() + ",port=" + std::to_string(endpoint.port()), origin};
}

}  // namespace

Result<Peer> PeerOf(int fd) {
  asio::generic::stream_protocol::endpoint endpoint;
  auto size = static_cast<socklen_t>(endpoint.capacity());
  if (SystemsGetPeerName(fd, endpoint.data(), &size) != 0) return Gone("the connection is gone");
  endpoint.resize(size);
  if (endpoint.data()->sa_family == AF_UNIX) return PeerOfUnix(fd);
  asio::ip::tcp::endpoint tcp;
  std::memcpy(tcp.data(), endpoint.data(), std::min(endpoint.size(), tcp.capacity()));
  return PeerOfTcp(tcp);
}

PeerNameScope::PeerNameScope(const Peer& peer) { scope_peer = &peer; }

PeerNameScope::~PeerNameScope() { scope_peer = nullptr; }

access::Identity IdentityOf(std::string_view peer_text) {
  using Kind = access::Identity::Kind;
  constexpr std::string_view kUser = "uid=";
  constexpr std::string_view kCertificate = ",cert=";
  if (peer_text.starts_with(kUser)) {
    peer_text.remove_prefix(kUser.size());
    return {Kind::kUser, std::string(peer_text.substr(0, peer_text.find(',')))};
  }
  // Relay lets no name in that has a comma.
  const std::size_t certificate = peer_text.find(kCertificate);
  if (certificate == std::string_view::npos) return {};
  return {Kind::kCertificate, std::string(peer_text.substr(certificate + kCertificate.size()))};
}

std::string_view PeerText(std::string_view grpc_peer) {
  if (!grpc_peer.starts_with(kGrpcScheme)) return {};
  grpc_peer.remove_prefix(kGrpcScheme.size());
  if (!grpc_peer.starts_with(kMark)) return {};
  return grpc_peer.substr(kMark.size());
}

}  // namespace belay::daemon

// The process's own, before the system's; see the header.
extern "C" int getpeername(int fd, sockaddr* address, socklen_t* size) noexcept {
  using belay::daemon::kMark;
  const belay::daemon::Peer* const peer = belay::daemon::scope_peer;
  if (peer == nullptr) return belay::daemon::SystemsGetPeerName(fd, address, size);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string path = std::string(kMark) + peer->text;
  const std::size_t path_bytes = std::min(path.size(), sizeof name.sun_path - 1);
  std::memcpy(name.sun_path, path.data(), path_bytes);
  const std::size_t name_bytes = offsetof(sockaddr_un, sun_path) + path_bytes + 1;
  std::memcpy(address, &name, std::min<std::size_t>(name_bytes, *size));
  *size = static_cast<socklen_t>(name_bytes);
  return 0;
}
