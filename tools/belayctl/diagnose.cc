// Why a broker cannot be reached. gRPC says little about it, so a unix socket is tried by hand.
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "tools/belayctl/context.h"
#include "tools/belayctl/text.h"

namespace belay::ctl {
namespace {

// 0 if somebody listens at `path`, otherwise the errno of the attempt.
int TryConnect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return ENAMETOOLONG;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = result == 0 ? 0 : errno;
  close(fd);
  return error;
}

}  // namespace

std::string Diagnose(const std::string& target, const std::string& otherwise) {
  const std::string start = fmt::format(
      "Is it running? Start it with: belayd --listen {} --data DIR; or give --endpoint "
      "(BELAY_ENDPOINT)",
      target);
  if (!target.starts_with("unix:")) {
    return fmt::format("cannot reach belayd at {}: {}. {}", target, Escape(otherwise), start);
  }
  const std::string path = target.substr(5);
  const std::string head = fmt::format("cannot reach belayd at unix:{}: ", Escape(path));
  const int error = TryConnect(path);
  struct stat status {};
  switch (error) {
    case 0:
      return head +
             fmt::format(
                 "something listens there but does not speak Belay, or closed the connection ({})",
                 Escape(otherwise));
    case ENOENT: return head + "no such file. " + start;
    case EACCES:
      return head +
             "permission denied. The socket belongs to the user or group that may use it: see ls "
             "-l " +
             Escape(path);
    case ECONNREFUSED:
      if (stat(path.c_str(), &status) == 0 && !S_ISSOCK(status.st_mode)) {
        return head +
               "that is no socket. Give the socket that belayd was started with, by --endpoint";
      }
      return head + "nobody listens there any more. " + start;
    case EAGAIN:
      return head +
             "belayd is up but does not accept: its backlog is full. Try again, then look at its "
             "log";
    default: return head + std::strerror(error) + ". " + start;
  }
}

}  // namespace belay::ctl
