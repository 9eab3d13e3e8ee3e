// AuditLog: who did what when, of what an operator wants to know afterwards: acts of administrators, who was not let in
// or was denied something, other tokens and policies, sessions that were taken over.
//
// Entries are numbered in the order in which they were noted, over all lives of the store. They are kept in memory and,
// where there is a store, in the broker's own keyspace, by a thread of this object's: one async commit for whatever has
// come meanwhile. So after a crash the last ones may be missing, never one from the middle.
//
// Invariants
//   - Note() waits for no disk. What comes faster than the disk takes it is bounded, and what was left out is told by the
//     count of the next entry.
//   - At most `max_entries` are kept, the newest; in the store as in memory.
//   - Numbers count up without a gap, but for those that a crash has lost, which are given again.
//
// Thread safety: every method may be called from any thread. Open() and the destructor may block (disk).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/status.h"
#include "broker/storage/store.h"

namespace belay::engine {

struct AuditEntry {
  std::uint64_t number = 0;
  std::int64_t unix_ms = 0;
  // How many it stands for: itself, and those like it that were left out.
  std::uint64_t count = 1;
  std::string event;  // "revoke", "unauthenticated", "denied", "reload", "take_over", ...
  std::string who;    // an identity, "uid:1000"; empty: the broker itself
  std::string where;  // from where, "uid=1000,pid=7"
  std::string what;   // a sentence
};

struct AuditOptions {
  std::size_t max_entries = 10'000;
  // Noted and not yet written: more are left out.
  std::size_t max_waiting = 1'000;
  const base::Clock* clock = &base::Clock::System();
};

class AuditLog {
 public:
  // `store` null: in memory only. REQUIRES: the store outlives it. Errors: those of a scan of the store.
  static base::Result<std::unique_ptr<AuditLog>> Open(storage::Store* store,
                                                      const AuditOptions& options);
  // Writes what waits.
  ~AuditLog();

  // Number and time are the log's to give.
  void Note(AuditEntry entry);
  // Up to `limit` entries with greater numbers than `after`, of `since_ms` and later, the oldest first.
  std::vector<AuditEntry> Read(std::uint64_t after, std::int64_t since_ms, std::size_t limit) const;
  // Returns once everything noted before has been written, or could not be. For tests, and the end.
  void Flush();

 private:
  AuditLog(storage::Store* store, const AuditOptions& options);
  base::Status Load();
  void Run();
  void Write(const std::vector<AuditEntry>& entries);

  storage::Store* const store_;
  const AuditOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_, as all below.
  std::deque<AuditEntry> entries_;
  std::uint64_t written_ =
      0;  // number of the last entry that is in the store, or could not be put there
  std::uint64_t last_ = 0;  // number of the last entry
  std::uint64_t left_out_ = 0;
  bool is_ending_ = false;
  std::thread writer_;  // none without a store
};

}  // namespace belay::engine
