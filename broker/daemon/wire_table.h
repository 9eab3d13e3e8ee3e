// WireTable: the handles of one session, as its client knows them (W2).
//
// A client never sees the broker's own handles: it gets numbers of its session's table, which mean
// nothing in any other. Guessing them reaches nothing but what the client was given anyway.
//
// Invariants
//   - Numbers count up from 1 and are never used twice in a session.
//   - Each entry stands for one registry handle, held by the session's owner, or for something about a name.
//
// Thread safety: none; everything happens on the loop's thread.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "broker/base/status.h"
#include "broker/registry/handle.h"

namespace belay::daemon {

class WireTable {
 public:
  enum class Kind : std::uint8_t {
    kHosted,        // a callback: the reference that Register answered
    kCallback,      // any other reference to a callback
    kSubscription,  // a watch or a validator
    kSnapshot,
    kExport,  // of a callback, by a token; this one and those below have no registry handle of their own
    kName,       // a name that is followed; these three are SessionNames'
    kBinding,    // of a name to a callback
    kNameWatch,  // of a name
  };
  struct Entry {
    registry::Handle handle = 0;
    Kind kind = Kind::kCallback;
  };

  // `all`: of how many tables' entries there are together; counted here, and must outlive this.
  explicit WireTable(std::uint64_t& all) : all_(all) {}
  WireTable(const WireTable&) = delete;
  WireTable& operator=(const WireTable&) = delete;
  ~WireTable() { Clear(); }

  // A number for an entry to come. One that is not used after all is lost, which does no harm.
  std::uint64_t NextNumber() { return ++last_; }
  void Insert(std::uint64_t number, Entry entry);

  // STALE for a number that was given out, MALFORMED for one that never was.
  base::Result<Entry*> Find(std::uint64_t number);
  // As Find(), or WRONG_KIND.
  base::Result<Entry*> Find(std::uint64_t number, Kind kind);
  // The same, of a callback, hosted or not.
  base::Result<Entry*> FindCallback(std::uint64_t number);
  void Erase(std::uint64_t number);

  std::size_t size() const { return entries_.size(); }
  std::size_t snapshots() const { return snapshots_; }
  const std::unordered_map<std::uint64_t, Entry>& entries() const { return entries_; }
  void Clear();

 private:
  std::uint64_t& all_;
  std::unordered_map<std::uint64_t, Entry> entries_;
  std::uint64_t last_ = 0;
  std::size_t snapshots_ = 0;  // how many of the entries are
};

}  // namespace belay::daemon
