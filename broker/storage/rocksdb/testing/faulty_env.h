// A file system on top of the real one that fails on demand and forgets what was never synced.
//
// Thread safety: every method may be called from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace rocksdb {
class Env;
class IOStatus;
}  // namespace rocksdb

namespace belay::storage {

enum class Fault {
  kNone,
  kFullDisk,     // appends write half and report ENOSPC
  kBrokenWrite,  // appends write half and report EIO
  kBrokenSync,   // appends work, syncs report EIO
};

// Decides about each write to a file, and remembers how much of it was synced.
class FaultPlan {
 public:
  // From now on, for files whose name ends with `suffix`.
  void Set(Fault fault, std::string suffix = ".log");
  // As if the power went: every write from now on fails and has no effect.
  void CutPower();
  // The same, when `operations` more writes, syncs, renames and the like have been done.
  void CutPowerAfter(int operations);
  // Throws away what was not synced, as a power cut does. REQUIRES: nobody is writing.
  void DropUnsynced();

  Fault At(const std::string& name) const;
  bool power_is_cut() const;
  // Counts one operation; false if the power is cut, before or by it: then it must not be done.
  bool MayProceed();
  void Synced(const std::string& name, std::uint64_t size_bytes);
  void Created(const std::string& name);
  void Renamed(const std::string& from, const std::string& to);
  void Deleted(const std::string& name);

 private:
  mutable std::mutex mutex_;
  Fault fault_ = Fault::kNone;
  std::string suffix_;
  bool power_is_cut_ = false;
  int operations_left_ = -1;                           // until the cut; below 0: no such plan
  std::map<std::string, std::uint64_t> synced_bytes_;  // by path, of files written through us
};

std::unique_ptr<rocksdb::Env> NewFaultyEnv(std::shared_ptr<FaultPlan> plan);

}  // namespace belay::storage
