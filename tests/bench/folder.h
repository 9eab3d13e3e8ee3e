// Where the data of a measurement lies: a folder in $TMPDIR, or /tmp, that goes with it.
//
// Thread safety: one thread at a time.
#pragma once

#include <string>

namespace belay::bench {

// Where such folders are made.
std::string DataPlace();

// The type of the file system of `path`, "ext4"; "unknown" if the system does not tell.
std::string FileSystemOf(const std::string& path);

class Folder {
 public:
  // Ends the process with status 2 if it cannot be made.
  Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  // With all that is in it.
  ~Folder();

  const std::string& path() const { return path_; }
  // A path in it, with nothing there yet.
  std::string At(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace belay::bench
