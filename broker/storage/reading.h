// What reads of the store take and give: records, snapshots, scans, pages of history.
//
// Thread safety: values; a Scan is for one thread at a time, a Snapshot for any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "broker/base/status.h"
#include "broker/storage/keyspace.h"
#include "broker/storage/row_block.h"

namespace belay::storage {

// One key's state, as long as the call lasts that it was handed to.
struct RecordView {
  std::string_view value;
  Revision create_revision = 0;    // of the commit that created the key
  Revision mod_revision = 0;       // of the commit that last changed it
  std::uint64_t version = 0;       // changes since it was created, 1 after the creation
  std::int64_t expires_at_ms = 0;  // since the Unix epoch; 0: never
};

struct Record {
  std::string value;
  Revision create_revision = 0;
  Revision mod_revision = 0;
  std::uint64_t version = 0;
  std::int64_t expires_at_ms = 0;
};

// The store as it was when this was made, for as long as this lives. Holding one keeps old values
// on disk. Lost, with UNAVAILABLE and reason SNAPSHOT_LOST to whoever reads from it, when the store
// recovers from a disk fault.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  // The store's revision that it shows.
  virtual Revision revision() const = 0;
};

struct ReadOptions {
  KeyspaceId keyspace = kDefaultKeyspace;
  std::shared_ptr<const Snapshot> snapshot = {};  // of the same store; null: as it is now
};

struct ScanOptions {
  std::string start = {};  // first key of the range; empty: from the beginning
  std::string end = {};    // the range ends before it; empty: to the end
  bool reverse = false;
  bool keys_only = false;   // rows come with empty values
  std::uint64_t limit = 0;  // rows in all; 0: no limit
  ReadOptions read = {};
};

class Scan {
 public:
  virtual ~Scan() = default;

  // Appends the next rows to `rows`: at most `max_rows`, and until the block would grow beyond
  // `max_bytes`, but at least one (a row that is too large comes alone, so look at size_bytes()).
  // Rows are puts with the key's mod_revision. END, with nothing appended, after the last row.
  // Errors: INVALID_ARGUMENT if max_rows is 0; DATA_LOSS or UNAVAILABLE from the disk; UNAVAILABLE
  // with reason SNAPSHOT_LOST for scans that were open when the store recovered from a fault. May
  // block.
  virtual base::Status Next(RowBlockBuilder* rows, std::uint32_t max_rows,
                            std::size_t max_bytes) = 0;

  // The store's revision that the scan shows: a watch from revision() + 1 misses nothing.
  virtual Revision revision() const = 0;
};

// Whether a page of history has the rows of kind kOld.
enum class OldRows : std::uint8_t { kLeaveOut, kShow };

struct HistoryRange {
  Revision from_revision = 0;
  std::string_view start = {};
  std::string_view end = {};  // empty: no upper bound
  std::uint32_t max_rows = 0;
  std::size_t max_bytes = 0;
  KeyspaceId keyspace = kDefaultKeyspace;
  OldRows old_rows = OldRows::kLeaveOut;
};

struct HistoryPage {
  // A row block: changes in order of revision, then of the batch. Where old rows are shown, the row of
  // a key whose value before is known (see Store::KeepOldValues) comes after one of kind kOld with
  // that value.
  std::string rows;
  std::uint32_t row_count = 0;  // may be 0 although there is more: see next_revision
  Revision next_revision = 0;   // where to go on; above CurrentRevision(): all has been read
};

// How much a range holds, by the engine's own reckoning: off by what is not yet compacted.
struct SizeEstimate {
  std::uint64_t bytes = 0;  // on disk and in memory, compressed
  std::uint64_t keys = 0;
};

// The least key above every key that begins with `prefix`: [prefix, PrefixEnd(prefix)) is the range
// of the prefix. Empty, which is no bound, when there is none (prefix empty or all 0xff).
std::string PrefixEnd(std::string_view prefix);

}  // namespace belay::storage
