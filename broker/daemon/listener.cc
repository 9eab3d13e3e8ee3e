#include "broker/daemon/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <asio/ip/tcp.hpp>
#include <chrono>
#include <utility>

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;
using base::UniqueFd;
using registry::LogLevel;

namespace {

// After a failed accept, mostly for want of descriptors: others may be closed meanwhile.
constexpr auto kPause = std::chrono::milliseconds(100);

// After so long without an answer, or without taking what is sent to it, a TCP peer is given up by the
// kernel.
constexpr int kSilenceS = 60;

void SetOption(int fd, int level, int option, int value) {
  (void)::setsockopt(fd, level, option, &value, sizeof value);
}

// A descriptor of the acceptor's own: SocketFile keeps the original.
int Duplicate(int fd) { return ::fcntl(fd, F_DUPFD_CLOEXEC, 0); }

}  // namespace

Listener::Listener(asio::io_context& io, ListenAddress address, registry::LogFunction log)
    : address_(std::move(address)), log_(std::move(log)), acceptor_(io), pause_(io) {}

Result<std::unique_ptr<Listener>> Listener::Open(asio::io_context& io, const ListenAddress& address,
                                                 std::uint32_t socket_mode,
                                                 registry::LogFunction log) {
  std::unique_ptr<Listener> listener(new Listener(io, address, std::move(log)));
  if (!address.is_unix()) {
    if (auto status = listener->OpenTcp(); !status.ok()) return status;
    return listener;
  }
  auto file = SocketFile::Listen(address.path, socket_mode);
  if (!file.ok()) return file.status();
  listener->file_.emplace(std::move(*file));
  asio::error_code error;
  listener->acceptor_.assign(asio::generic::stream_protocol(AF_UNIX, 0),
                             Duplicate(listener->file_->fd()), error);
  if (error) {
    return Status(Code::kUnavailable,
                  "cannot listen on " + ToString(address) + ": " + error.message());
  }
  return listener;
}

Status Listener::OpenTcp() {
  const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(address_.host), address_.port);
  asio::ip::tcp::acceptor tcp(acceptor_.get_executor());
  asio::error_code error;
  tcp.open(endpoint.protocol(), error);
  if (!error) tcp.set_option(asio::ip::tcp::acceptor::reuse_address(true), error);
  if (!error) tcp.bind(endpoint, error);
  if (!error) tcp.listen(asio::socket_base::max_listen_connections, error);
  if (!error) address_.port = tcp.local_endpoint(error).port();
  if (!error) {
    const int family = endpoint.protocol().family();
    acceptor_.assign(asio::generic::stream_protocol(family, IPPROTO_TCP), tcp.release(), error);
  }
  if (!error) return {};
  return Status(error == asio::error::address_in_use ? Code::kAlreadyExists : Code::kUnavailable,
                "cannot listen on " + ToString(address_) + ": " + error.message());
}

void Listener::Start(Handler handler) {
  handler_ = std::move(handler);
  Accept();
}

void Listener::Stop() {
  asio::error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  file_.reset();
}

void Listener::Accept() {
  acceptor_.async_accept([this](asio::error_code error,
                                asio::generic::stream_protocol::socket connection) {
    if (!acceptor_.is_open()) return;
    if (!error) {
      UniqueFd fd(connection.release(error));
      Admit(std::move(fd));
      return Accept();
    }
    if (log_)
      log_(LogLevel::kError,
           "accepting on " + ToString(address_) + " failed: " + error.message() + "; trying again");
    pause_.expires_after(kPause);
    pause_.async_wait([this](asio::error_code cancelled) {
      if (!cancelled && acceptor_.is_open()) Accept();
    });
  });
}

void Listener::Admit(UniqueFd connection) {
  const int fd = connection.get();
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
      ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return;
  }
  if (!address_.is_unix()) {
    SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    SetOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, kSilenceS);
    SetOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, kSilenceS * 1'000);
  }
  handler_(std::move(connection));
}

}  // namespace belay::daemon
