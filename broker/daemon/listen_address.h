// Where to listen, as the configuration says it.
//
//   unix:/run/belay/belay.sock    a unix socket; the default way
//   0.0.0.0:7411, [::]:7411       TCP with TLS, once there is a certificate
//   127.0.0.1:7411, [::1]:7411    loopback TCP in plaintext, only if that was asked for
//
// Thread safety: values and pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/base/status.h"

namespace belay::daemon {

// sockaddr_un has 108 bytes, the last of which ends the path.
inline constexpr std::size_t kMaxSocketPathBytes = 107;

struct ListenAddress {
  bool is_unix() const { return !path.empty(); }

  std::string path;  // of a unix socket; else empty
  std::string host;  // an IP address
  std::uint16_t port = 0;
};

// What TCP may be used for.
enum class TcpUse : std::uint8_t { kNone, kPlaintextOnLoopback, kTls };

// INVALID_ARGUMENT names what is wrong with it and what to write instead.
base::Result<ListenAddress> ParseListenAddress(std::string_view text, TcpUse tcp);

// "unix:/path" or "host:port".
std::string ToString(const ListenAddress& address);

}  // namespace belay::daemon
