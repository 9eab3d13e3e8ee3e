// CutProxy: forwards a unix socket to another, byte by byte, and cuts all connections when told to.
//
// Thread safety: Cut() and target() from any thread. Two threads for each connection, one that accepts.
#pragma once

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace belay::testing {

class CutProxy {
 public:
  // `to`: "unix:/path".
  explicit CutProxy(const std::string& to) : to_(to.substr(std::strlen("unix:"))) {
    char path[] = "/tmp/belay-px-XXXXXX";
    folder_ = mkdtemp(path);
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un address = Address(folder_ + "/s");
    if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        listen(listener_, 16) != 0)
      abort();
    acceptor_ = std::thread([this] { Accept(); });
  }
  CutProxy(const CutProxy&) = delete;
  CutProxy& operator=(const CutProxy&) = delete;
  ~CutProxy() {
    is_stopping_ = true;
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    Cut();
    for (std::thread& pump : pumps_) pump.join();
    for (const int fd : sockets_) close(fd);
    close(listener_);
    std::filesystem::remove_all(folder_);
  }

  std::string target() const { return "unix:" + folder_ + "/s"; }
  // What is under way is lost.
  void Cut() {
    const std::scoped_lock lock(mutex_);
    for (const int fd : sockets_) shutdown(fd, SHUT_RDWR);
  }

 private:
  static sockaddr_un Address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    return address;
  }

  void Accept() {
    for (;;) {
      const int near = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (is_stopping_ || near < 0) {
        if (near >= 0) close(near);
        return;
      }
      const int far = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const sockaddr_un address = Address(to_);
      if (connect(far, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        close(near);
        close(far);
        continue;
      }
      const std::scoped_lock lock(mutex_);
      sockets_.insert(sockets_.end(), {near, far});
      pumps_.emplace_back([near, far] { Pump(near, far); });
      pumps_.emplace_back([near, far] { Pump(far, near); });
    }
  }

  static void Pump(int from, int to) {
    std::array<char, 65'536> buffer;
    for (;;) {
      const ssize_t got = recv(from, buffer.data(), buffer.size(), 0);
      if (got <= 0) break;
      for (ssize_t done = 0; done < got;) {
        const ssize_t put =
            send(to, buffer.data() + done, static_cast<std::size_t>(got - done), MSG_NOSIGNAL);
        if (put <= 0) return Close(from, to);
        done += put;
      }
    }
    Close(from, to);
  }
  static void Close(int from, int to) {
    shutdown(from, SHUT_RDWR);
    shutdown(to, SHUT_RDWR);
  }

  const std::string to_;
  std::string folder_;
  int listener_ = -1;
  std::atomic<bool> is_stopping_{false};
  std::thread acceptor_;
  std::mutex mutex_;
  std::vector<int> sockets_;  // closed at the end only: their numbers must not be given to others
  std::vector<std::thread> pumps_;
};

}  // namespace belay::testing
