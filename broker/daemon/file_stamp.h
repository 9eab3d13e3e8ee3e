// FileStamp: what tells that a file is another one, or was written again.
//
// Thread safety: values; StampOf() may be called from any thread.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

namespace belay::daemon {

struct FileStamp {
  bool operator==(const FileStamp&) const = default;
  std::uint64_t inode = 0;
  std::int64_t size_bytes = 0;
  std::int64_t changed_ns = 0;
};

// Of a file that is not there, or has no name: that of none.
inline FileStamp StampOf(const std::string& path) {
  struct stat info {};
  if (path.empty() || ::stat(path.c_str(), &info) != 0) return {};
  return {info.st_ino, info.st_size,
          std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec};
}

}  // namespace belay::daemon
