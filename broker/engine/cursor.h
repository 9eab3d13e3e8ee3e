// A cursor: a scan of the store, its rows picked by a filter callback if there is one, and replaced by what a
// projection makes of them if there is one (S3).
//
// Either sees up to kHookRows rows a call, as a row block: the filter whole rows, also in a scan of keys only,
// where the values are taken away from what it kept; the projection what the filter has kept. The scan's
// limit counts the rows that both have left. One that fails, or answers with what is no answer, fails the scan
// for good: rows are never kept or dropped by default. They run on the thread that is in Next(), and are held
// until the cursor ends (scan_hook.h).
//
// Without them rows go from the store to the caller's block.
//
// Thread safety: exclusive. Next() in use by another thread is BUSY, never a race (I4).
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>

#include "broker/base/status.h"
#include "broker/engine/broker.h"
#include "broker/engine/scan_hook.h"
#include "broker/registry/object.h"

namespace belay::engine {

inline constexpr std::uint32_t kHookRows = 512;
// What one call of a hook gets at most, unless a single row is larger.
inline constexpr std::size_t kHookBytes = std::size_t{1} << 20;

class Cursor final : public registry::Object {
 public:
  // Begins a scan. May block (disk). The handles of its hooks need the rights to invoke and to retain.
  // Errors: FAILED_PRECONDITION (no store; a typed callback), INVALID_ARGUMENT (also a projection of keys
  // only), as Registry::Retain.
  static base::Result<registry::Ref<Cursor>> Open(std::shared_ptr<Broker> broker,
                                                  const CursorOptions& options);
  std::string_view label() const override;

  // The next rows as a row block of at most `max_bytes`, at least one row. END when there are no more.
  // BUFFER_TOO_SMALL, with the size that the next row's block has in `*needed_bytes`: not advanced (I3).
  // Any other error but BUSY is the scan's end: later calls return it again. May block: disk, hooks.
  base::Result<std::string> Next(std::size_t max_bytes, std::size_t* needed_bytes);
  // The same into memory of the caller's. `*size_bytes` is the block's size, or the one needed.
  base::Status NextInto(std::span<char> buffer, std::size_t* size_bytes);
  // The store's revision that the scan shows: a watch from the next one on misses nothing.
  storage::Revision revision() const noexcept { return revision_; }

 private:
  Cursor(std::shared_ptr<Broker> broker, const CursorOptions& options);

  // REQUIRES for all below: in_use_ is this thread's.
  base::Status Produce(storage::RowBlockBuilder* rows, std::size_t max_bytes,
                       std::size_t* needed_bytes);
  // Without hooks: straight from the store.
  base::Status Read(storage::RowBlockBuilder* rows, std::size_t max_bytes);
  // Reads rows into pending_ until the hooks have left one; END after the last.
  base::Status FillAsked();
  // The part of pending_ that fits.
  base::Status GiveOut(storage::RowBlockBuilder* rows, std::size_t max_bytes,
                       std::size_t* needed_bytes);

  const std::shared_ptr<Broker> broker_;
  const CursorOptions options_;
  std::atomic_flag in_use_ = ATOMIC_FLAG_INIT;
  std::unique_ptr<storage::Scan> scan_;
  storage::Revision revision_ = 0;  // constant once open
  ScanHook filter_{ScanHook::kFilter};
  ScanHook projection_{ScanHook::kProjection};
  // Rows to be given out: a row block, of what the hooks left or of a row that did not fit; empty: none.
  std::string pending_;
  std::uint64_t pending_offset_ = 0;  // of the first of them not given out; 0: at the beginning
  std::uint64_t rows_left_ = 0;       // by the hooks, of the whole scan
  bool stopped_ = false;              // by a hook: it wants to see no more
  base::Status ended_;                // not OK: what every later call returns
};

}  // namespace belay::engine
