#include "broker/daemon/endpoint.h"

#include <sys/socket.h>

#include <cerrno>

namespace belay::daemon {

namespace {

class SocketEndpoint final : public Endpoint {
 public:
  explicit SocketEndpoint(int fd) : fd_(fd) {}

  Transfer Read(std::span<std::uint8_t> buffer) override {
    const ssize_t bytes = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (bytes == 0) return {Progress::kEnd};
    return Settle(bytes, Progress::kWantRead);
  }
  Transfer Write(std::span<const std::uint8_t> bytes) override {
    return Settle(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), Progress::kWantWrite);
  }
  bool HasBuffered() const override { return false; }
  void EndWriting() override { (void)::shutdown(fd_, SHUT_WR); }

 private:
  static Transfer Settle(ssize_t bytes, Progress not_now) {
    if (bytes >= 0) return {Progress::kDone, static_cast<std::size_t>(bytes)};
    const bool is_not_now = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    return {is_not_now ? not_now : Progress::kFailed};
  }

  const int fd_;
};

}  // namespace

std::unique_ptr<Endpoint> MakeSocketEndpoint(int fd) {
  return std::make_unique<SocketEndpoint>(fd);
}

}  // namespace belay::daemon
