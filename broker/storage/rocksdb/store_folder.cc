#include "broker/storage/rocksdb/store_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <set>
#include <string_view>
#include <system_error>

namespace belay::storage {
namespace {

using base::Code;
using base::Status;

constexpr char kMarkerName[] = "BELAY";
constexpr std::string_view kMarkerPrefix = "belay store ";
constexpr std::string_view kMarkerText = "belay store 1\n";
constexpr mode_t kFolderMode = 0700;  // values may be secrets: nobody else's business by default
constexpr mode_t kMarkerMode = 0600;

// Folders open in this process.
class OpenFolders {
 public:
  bool Add(std::pair<dev_t, ino_t> id) {
    const std::lock_guard lock(mutex_);
    return ids_.insert(id).second;
  }
  void Remove(std::pair<dev_t, ino_t> id) {
    const std::lock_guard lock(mutex_);
    ids_.erase(id);
  }
  static OpenFolders& Instance() {
    // Never destroyed: stores may be closed by destructors of static objects.
    static OpenFolders& instance = *new OpenFolders;
    return instance;
  }

 private:
  std::mutex mutex_;
  std::set<std::pair<dev_t, ino_t>> ids_;
};

std::string ErrorText(int error) { return std::system_category().message(error); }

Status FromErrno(int error, const std::string& path, const std::string& what) {
  const std::string message = "store " + path + ": " + what + ": " + ErrorText(error);
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS: return Status(Code::kPermissionDenied, message);
    case ENOENT: return Status(Code::kNotFound, message);
    case ENOTDIR:
    case ELOOP: return Status(Code::kFailedPrecondition, message, "NOT_A_STORE");
    case ENAMETOOLONG:
    case EINVAL: return Status(Code::kInvalidArgument, message);
    default: return Status(Code::kUnavailable, message);
  }
}

Status NotAStore(const std::string& path, const std::string& why) {
  return Status(Code::kFailedPrecondition, "store " + path + ": " + why, "NOT_A_STORE");
}

// Makes the name `path` durable in its parent, too.
Status CreateFolder(const std::string& path) {
  const std::string parent = std::filesystem::path(path + "/").parent_path().parent_path().string();
  const std::string parent_or_here = parent.empty() ? "." : parent;
  if (::mkdir(path.c_str(), kFolderMode) != 0 && errno != EEXIST) {
    const int error = errno;
    if (error == ENOENT) {
      return Status(Code::kNotFound, "store " + path + ": the folder that should hold it, " +
                                         parent_or_here + ", does not exist");
    }
    return FromErrno(error, path, "cannot create the folder");
  }
  const base::UniqueFd parent_fd(
      ::open(parent_or_here.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // A parent that may be searched but not read cannot be synced: then the name waits for the
  // kernel, and all else is as durable as ever.
  if (parent_fd.valid() && ::fsync(parent_fd.get()) != 0) {
    return FromErrno(errno, path, "cannot sync " + parent_or_here);
  }
  return Status();
}

}  // namespace

base::Result<std::unique_ptr<StoreFolder>> StoreFolder::Open(const std::string& path,
                                                             bool create_if_missing) {
  if (path.empty()) return Status(Code::kInvalidArgument, "the store's path is empty");
  if (path.find('\0') != std::string::npos) {
    return Status(Code::kInvalidArgument, "the store's path has a zero byte in it");
  }
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) {
    const int error = errno;
    if (error != ENOENT || !create_if_missing) {
      return FromErrno(error, path, "cannot be opened");
    }
    if (Status status = CreateFolder(path); !status.ok()) return status;
    if (::stat(path.c_str(), &info) != 0) return FromErrno(errno, path, "cannot be opened");
  }
  if (!S_ISDIR(info.st_mode)) return NotAStore(path, "is not a folder");

  const FolderId id(info.st_dev, info.st_ino);
  // Before the marker is opened: closing a second descriptor of it would drop the first one's lock.
  if (!OpenFolders::Instance().Add(id)) {
    return Status(Code::kFailedPrecondition, "store " + path + " is already open in this process",
                  "STORE_LOCKED");
  }
  std::unique_ptr<StoreFolder> folder(new StoreFolder(path, id));
  Status status = folder->OpenMarker(create_if_missing);
  if (status.ok()) status = folder->Lock();
  if (status.ok()) status = folder->ReadMarker();
  if (!status.ok()) return status;
  return folder;
}

StoreFolder::~StoreFolder() {
  marker_fd_.Reset(-1);  // before the table lets the next opener in
  OpenFolders::Instance().Remove(id_);
}

Status StoreFolder::OpenMarker(bool create_if_missing) {
  folder_fd_.Reset(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder_fd_.valid()) return FromErrno(errno, path_, "cannot be read");
  if (::faccessat(folder_fd_.get(), ".", W_OK | X_OK, AT_EACCESS) != 0) {
    return FromErrno(errno, path_, "cannot be written");
  }
  constexpr int kFlags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
  marker_fd_.Reset(::openat(folder_fd_.get(), kMarkerName, kFlags));
  if (!marker_fd_.valid() && errno == ENOENT) {
    if (Status status = CheckNothingForeign(); !status.ok()) return status;
    if (!create_if_missing) {
      return Status(Code::kNotFound, "store " + path_ + ": the folder is empty");
    }
    marker_fd_.Reset(::openat(folder_fd_.get(), kMarkerName, kFlags | O_CREAT, kMarkerMode));
  }
  if (!marker_fd_.valid()) return FromErrno(errno, path_, "cannot open its BELAY file");
  return Status();
}

Status StoreFolder::Lock() {
  struct flock wanted = {};
  wanted.l_type = F_WRLCK;
  wanted.l_whence = SEEK_SET;
  if (::fcntl(marker_fd_.get(), F_SETLK, &wanted) == 0) return Status();
  const int error = errno;
  if (error != EAGAIN && error != EACCES) return FromErrno(error, path_, "cannot lock it");
  struct flock holder = wanted;
  std::string who = "another process";
  if (::fcntl(marker_fd_.get(), F_GETLK, &holder) == 0 && holder.l_type != F_UNLCK &&
      holder.l_pid > 0) {
    who += " (pid " + std::to_string(holder.l_pid) + ")";
  }
  return Status(Code::kFailedPrecondition, "store " + path_ + " is open in " + who, "STORE_LOCKED");
}

Status StoreFolder::ReadMarker() {
  char buffer[64];
  const ssize_t size = ::pread(marker_fd_.get(), buffer, sizeof buffer, 0);
  if (size < 0) return FromErrno(errno, path_, "cannot read its BELAY file");
  const std::string_view text(buffer, static_cast<std::size_t>(size));
  if (text == kMarkerText) return Status();
  if (kMarkerText.starts_with(text)) {  // empty, or its writing was cut short
    is_new_ = true;
    return CheckNothingForeign();
  }
  if (!text.starts_with(kMarkerPrefix)) {
    return NotAStore(path_, "its BELAY file is not one of Belay's");
  }
  return Status(Code::kFailedPrecondition,
                "store " + path_ + " has a format that this version does not know: " +
                    std::string(text.substr(0, text.find('\n'))),
                "UNKNOWN_FORMAT");
}

Status StoreFolder::CheckNothingForeign() {
  // A descriptor of its own: fdopendir takes it over.
  DIR* entries = ::fdopendir(::openat(folder_fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (entries == nullptr) return FromErrno(errno, path_, "cannot be read");
  const std::unique_ptr<DIR, int (*)(DIR*)> closer(entries, [](DIR* d) { return ::closedir(d); });
  while (const dirent* entry = ::readdir(entries)) {
    const std::string_view name(entry->d_name);
    // lost+found: the folder is the root of a file system of its own. rocksdb: a creation cut short,
    // which has made the BELAY file first.
    if (name == "." || name == ".." || name == "lost+found" || name == kMarkerName) continue;
    if (name == "rocksdb" && marker_fd_.valid()) continue;
    return NotAStore(path_, "the folder is not a store, and not empty: it holds " +
                                std::string(name.substr(0, 64)));
  }
  return Status();
}

Status StoreFolder::MarkComplete() {
  const ssize_t written = ::pwrite(marker_fd_.get(), kMarkerText.data(), kMarkerText.size(), 0);
  if (written != static_cast<ssize_t>(kMarkerText.size())) {
    return FromErrno(written < 0 ? errno : ENOSPC, path_, "cannot write its BELAY file");
  }
  if (::fsync(marker_fd_.get()) != 0 || ::fsync(folder_fd_.get()) != 0) {
    return FromErrno(errno, path_, "cannot sync its BELAY file");
  }
  is_new_ = false;
  return Status();
}

}  // namespace belay::storage
