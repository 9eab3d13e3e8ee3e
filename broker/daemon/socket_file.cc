#include "broker/daemon/socket_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;
using base::UniqueFd;

namespace {

constexpr int kBacklog = 1'024;

Status Failed(const std::string& path, const std::string& what, int error) {
  const Code code = error == EACCES || error == EPERM || error == EROFS ? Code::kPermissionDenied
                    : error == ENOENT || error == ENOTDIR               ? Code::kNotFound
                                                                        : Code::kUnavailable;
  return Status(code, "cannot listen on unix:" + path + ": " + what + ": " +
                          std::generic_category().message(error));
}

Status Taken(const std::string& path, const std::string& why) {
  return Status(Code::kAlreadyExists, "cannot listen on unix:" + path + ": " + why);
}

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* Generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// Makes sure that nothing is at `path`. REQUIRES: the folder is locked.
Status ClearPath(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0)
    return errno == ENOENT ? Status() : Failed(path, "cannot look at the path", errno);
  if (!S_ISSOCK(info.st_mode)) {
    return Taken(path, "the path exists and is no socket; choose another, or remove it yourself");
  }
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.valid()) return Failed(path, "cannot make a socket", errno);
  const sockaddr_un address = AddressOf(path);
  if (::connect(probe.get(), Generic(address), sizeof address) == 0) {
    ucred peer{};
    socklen_t size = sizeof peer;
    const bool is_known = ::getsockopt(probe.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
    return Taken(
        path, (is_known ? "process " + std::to_string(peer.pid) : std::string("another process")) +
                  " listens there; stop it, or choose another path");
  }
  // A full backlog (EAGAIN) is a living listener, too.
  if (errno != ECONNREFUSED) {
    return errno == EAGAIN
               ? Taken(path, "another process listens there; stop it, or choose another path")
               : Failed(path, "cannot tell whether the socket is in use", errno);
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return Failed(path, "cannot remove the socket that a dead process left", errno);
  return {};
}

}  // namespace

Result<SocketFile> SocketFile::Listen(const std::string& path, std::uint32_t mode) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  const UniqueFd lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock.valid()) return Failed(path, "folder " + folder, errno);
  if (::flock(lock.get(), LOCK_EX) != 0) return Failed(path, "cannot lock folder " + folder, errno);

  if (auto status = ClearPath(path); !status.ok()) return status;
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return Failed(path, "cannot make a socket", errno);
  const sockaddr_un address = AddressOf(path);
  if (::bind(fd.get(), Generic(address), sizeof address) != 0)
    return Failed(path, "cannot make the socket file", errno);
  struct stat info {};
  // Nobody can connect before listen(), so the mode is in force from the beginning.
  if (::chmod(path.c_str(), mode) != 0 || ::stat(path.c_str(), &info) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    const int error = errno;
    ::unlink(path.c_str());
    return Failed(path, "cannot set up the socket file", error);
  }
  return SocketFile(path, std::move(fd), info.st_dev, info.st_ino);
}

SocketFile::SocketFile(std::string path, UniqueFd fd, dev_t device, ino_t inode)
    : path_(std::move(path)), fd_(std::move(fd)), device_(device), inode_(inode) {}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      fd_(std::move(other.fd_)),
      device_(other.device_),
      inode_(other.inode_) {}

SocketFile::~SocketFile() {
  if (path_.empty()) return;
  struct stat info {};
  if (::lstat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_)
    ::unlink(path_.c_str());
}

}  // namespace belay::daemon
