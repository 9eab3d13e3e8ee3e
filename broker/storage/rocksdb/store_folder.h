// The folder of a store: who may have it, and whether it is one.
//
//   <path>/BELAY     "belay store 1\n"; locked while the store is open; empty until the store has
//                    been created completely, so that a creation cut short is begun anew
//   <path>/rocksdb/  RocksDB's own files
//
// Invariants
//   - A folder that holds anything else, and no BELAY file, is refused and not written to.
//   - At most one StoreFolder lives per folder, over all processes of this machine (S5).
//   - A store that was once complete is never taken for a new one, whatever files it lost.
//
// The lock is a POSIX record lock: it dies with the process that took it, even if a forked child
// lives on, and it tells the pid of its holder. Within one process such locks do not exclude, so a
// table of open folders does.
//
// Thread safety: Open() may be called from any thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>

#include "broker/base/status.h"
#include "broker/base/unique_fd.h"

namespace belay::storage {

class StoreFolder {
 public:
  // Errors: see OpenRocksStore().
  static base::Result<std::unique_ptr<StoreFolder>> Open(const std::string& path,
                                                         bool create_if_missing);
  ~StoreFolder();
  StoreFolder(const StoreFolder&) = delete;
  StoreFolder& operator=(const StoreFolder&) = delete;

  const std::string& path() const noexcept { return path_; }
  std::string engine_path() const { return path_ + "/rocksdb"; }

  // No store has been completed here yet.
  bool is_new() const noexcept { return is_new_; }
  // Says that one has. REQUIRES: the engine's files are on disk.
  base::Status MarkComplete();

 private:
  using FolderId = std::pair<dev_t, ino_t>;

  StoreFolder(std::string path, FolderId id) : path_(std::move(path)), id_(id) {}

  base::Status OpenMarker(bool create_if_missing);
  base::Status Lock();
  base::Status ReadMarker();
  base::Status CheckNothingForeign();

  const std::string path_;
  const FolderId id_;
  base::UniqueFd folder_fd_;
  base::UniqueFd marker_fd_;
  bool is_new_ = false;
};

}  // namespace belay::storage
