#include "tests/bench/folder.h"

#include <mntent.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>

namespace belay::bench {

std::string DataPlace() {
  const char* place = std::getenv("TMPDIR");
  return place != nullptr && *place != '\0' ? place : "/tmp";
}

std::string FileSystemOf(const std::string& path) {
  struct stat wanted;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> mounts(setmntent("/proc/mounts", "r"),
                                                               endmntent);
  if (mounts == nullptr || stat(path.c_str(), &wanted) != 0) return "unknown";
  while (const mntent* mount = getmntent(mounts.get())) {
    struct stat root;
    if (stat(mount->mnt_dir, &root) == 0 && root.st_dev == wanted.st_dev) return mount->mnt_type;
  }
  return "unknown";
}

Folder::Folder() : path_(DataPlace() + "/belay-bench-XXXXXX") {
  if (mkdtemp(path_.data()) == nullptr) {
    std::perror(path_.c_str());
    std::exit(2);
  }
}

Folder::~Folder() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
  if (error) {
    std::fprintf(stderr, "bench: %s stays: %s\n", path_.c_str(), error.message().c_str());
  }
}

}  // namespace belay::bench
