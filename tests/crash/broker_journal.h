// What broker_writers have said before they were killed, and what their store must be like after it.
//
// Invariants, to which Check() holds a store
//   - Each acknowledged put is in the history, at its revision (S2).
//   - The cursor of the named watch is not ahead: its callback has accepted all that is before it (S3).
//   - The watch was told of changes in order and left none out: of all before the last one that it accepted, it
//     has accepted each (S3).
//   - A subscription that was there is there (S3).
//   - A key that expires is there, with its expiry, until a commit takes it, which says so; none is taken
//     early, and what is due goes when it is asked for (S1).
//
// Thread safety: none.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "broker/storage/store.h"

namespace belay {

class BrokerJournal {
 public:
  // A line of a broker_writer's.
  void Note(const std::string& line);
  // Fails the running test for whatever does not hold. Expires what is due at `now_ms`, by the wall clock.
  void Check(storage::Store& store, std::int64_t now_ms) const;

  std::size_t acknowledged() const { return puts_.size(); }
  std::size_t accepted() const { return accepted_.size(); }

 private:
  struct Put {
    std::string key;
    std::int64_t expires_at_ms = 0;  // 0: never
  };
  struct Change {
    storage::RowKind kind;
    std::string key;
    std::uint32_t flags;
  };
  using History = std::map<storage::Revision, std::vector<Change>>;  // an expiry takes several keys

  static History ReadHistory(storage::Store& store);
  void CheckPuts(const History& history) const;
  void CheckWatch(storage::Store& store, const History& history) const;
  void CheckExpiries(storage::Store& store, std::int64_t now_ms) const;

  std::map<storage::Revision, Put> puts_;
  std::set<storage::Revision> accepted_;
  std::uint64_t epoch_ = 0;
  bool was_attached_ = false;
};

}  // namespace belay
