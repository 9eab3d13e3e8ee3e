#include "broker/access/trusted_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "broker/base/unique_fd.h"

namespace belay::access {

using base::Code;
using base::Result;
using base::Status;

namespace {

Status CannotRead(const std::string& path) {
  const Code code = errno == ENOENT ? Code::kNotFound : Code::kPermissionDenied;
  return Status(code, "cannot read " + path + ": " + std::generic_category().message(errno));
}

Status CheckTrust(const std::string& path, const struct stat& info) {
  const auto refuse = [&](const std::string& why) {
    return Status(Code::kFailedPrecondition, path + " " + why, "UNTRUSTED_FILE");
  };
  if (!S_ISREG(info.st_mode)) return refuse("is no regular file");
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return refuse("may be written by others than its owner; run: chmod go-w " + path);
  if (info.st_uid != 0 && info.st_uid != ::geteuid()) {
    return refuse("belongs to user " + std::to_string(info.st_uid) + ", must belong to user " +
                  std::to_string(::geteuid()) + " or root");
  }
  if (static_cast<std::size_t>(info.st_size) > kMaxTrustedFileBytes) {
    return refuse("has " + std::to_string(info.st_size) + " bytes, at most " +
                  std::to_string(kMaxTrustedFileBytes) + " are read");
  }
  return {};
}

}  // namespace

Result<std::string> ReadTrustedFile(const std::string& path) {
  // Not blocking on a pipe that has the file's name; what was opened is what is judged.
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return CannotRead(path);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return CannotRead(path);
  if (Status status = CheckTrust(path, info); !status.ok()) return status;
  std::string text(kMaxTrustedFileBytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got == 0) break;
    if (got < 0 && errno != EINTR) return CannotRead(path);
    if (got > 0) size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

}  // namespace belay::access
