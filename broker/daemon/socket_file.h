// The file of a unix socket: made where nobody else listens, and gone when the daemon is.
//
// Invariants
//   - A path on which a living process listens is never taken over; a socket file that a dead one left
//     is (connecting to it is refused). Anything that is no socket is never touched.
//   - Two daemons that start at once cannot both take the path: looking and binding happen under a lock
//     on the folder.
//   - On destruction the file is removed, if it is still the one that was made.
//
// Thread safety: an object belongs to one thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "broker/base/status.h"
#include "broker/base/unique_fd.h"

namespace belay::daemon {

class SocketFile {
 public:
  // Binds and listens. Errors, each naming the path and what to do: ALREADY_EXISTS (in use by a process, or
  // no socket), NOT_FOUND (the folder), PERMISSION_DENIED, UNAVAILABLE.
  static base::Result<SocketFile> Listen(const std::string& path, std::uint32_t mode);

  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&&) = delete;
  ~SocketFile();

  int fd() const { return fd_.get(); }

 private:
  SocketFile(std::string path, base::UniqueFd fd, dev_t device, ino_t inode);

  std::string path_;
  base::UniqueFd fd_;
  dev_t device_;
  ino_t inode_;
};

}  // namespace belay::daemon
