#include "broker/daemon/listen_address.h"

#include <asio/ip/address.hpp>
#include <charconv>

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;

namespace {

constexpr std::string_view kUnixPrefix = "unix:";

Status Bad(std::string_view text, std::string_view why) {
  return Status(Code::kInvalidArgument,
                "cannot listen on \"" + std::string(text) + "\": " + std::string(why));
}

Result<ListenAddress> ParseUnix(std::string_view text) {
  std::string_view path = text.substr(kUnixPrefix.size());
  if (path.starts_with("//")) path.remove_prefix(2);
  if (path.empty()) return Bad(text, "the path is missing, as in unix:/run/belay.sock");
  if (path.size() > kMaxSocketPathBytes) {
    return Bad(text, "the path has " + std::to_string(path.size()) +
                         " bytes, a unix socket's path may have " +
                         std::to_string(kMaxSocketPathBytes) + "; choose a shorter folder");
  }
  if (path.find('\0') != std::string_view::npos) return Bad(text, "the path contains a NUL byte");
  ListenAddress address;
  address.path = path;
  return address;
}

}  // namespace

Result<ListenAddress> ParseListenAddress(std::string_view text, TcpUse tcp) {
  if (text.starts_with(kUnixPrefix)) return ParseUnix(text);
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return Bad(text, "write unix:/path/of/socket, or address:port");
  }
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string_view port = text.substr(colon + 1);
  ListenAddress address;
  address.host = host;
  const auto [end, parsed] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (parsed != std::errc() || end != port.data() + port.size()) {
    return Bad(text, "the port must be a number from 0 to 65535");
  }
  asio::error_code error;
  const asio::ip::address ip = asio::ip::make_address(address.host, error);
  if (error) return Bad(text, "the host must be an IP address, such as 127.0.0.1");
  if (tcp == TcpUse::kTls) return address;
  if (!ip.is_loopback()) {
    return Bad(
        text,
        "beyond this machine only TLS is spoken: give --tls-cert and --tls-key, or listen on "
        "127.0.0.1 or [::1]");
  }
  if (tcp == TcpUse::kNone) {
    return Bad(text,
               "every user of this machine could connect; if that is meant, add "
               "--allow-plaintext-loopback, else give --tls-cert and --tls-key");
  }
  return address;
}

std::string ToString(const ListenAddress& address) {
  if (address.is_unix()) return "unix:" + address.path;
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return (is_v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace belay::daemon
