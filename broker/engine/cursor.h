// A cursor: a scan of the store, its rows picked by a filter callback if there is one (S3).
//
// The filter sees up to kFilterRows rows a call, as a row block, and answers with a bitmap. It sees whole
// rows, also in a scan of keys only: the values are taken away from what it kept. The scan's limit counts
// the rows that it kept. One that fails, or answers with a bitmap of the wrong size, fails the scan for
// good: rows are never kept or dropped by default. It runs on the thread that is in Next(). Its handle is
// held, by the owner "hooks", until the cursor ends.
//
// Without a filter rows go from the store to the caller's block.
//
// Thread safety: exclusive. Next() in use by another thread is BUSY, never a race (I4).
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>

#include "broker/base/status.h"
#include "broker/engine/broker.h"
#include "broker/registry/object.h"

namespace belay::engine {

inline constexpr std::uint32_t kFilterRows = 512;
// What one call of a filter gets at most, unless a single row is larger.
inline constexpr std::size_t kFilterBytes = std::size_t{1} << 20;

class Cursor final : public registry::Object {
 public:
  // Begins a scan. May block (disk). The filter's handle needs the rights to invoke and to retain.
  // Errors: FAILED_PRECONDITION (no store; a typed callback), INVALID_ARGUMENT, as Registry::Retain.
  static base::Result<registry::Ref<Cursor>> Open(std::shared_ptr<Broker> broker,
                                                  const CursorOptions& options);
  ~Cursor() override;
  std::string_view label() const override { return filter_ == 0 ? "scan" : "filtered scan"; }

  // The next rows as a row block of at most `max_bytes`, at least one row. END when there are no more.
  // BUFFER_TOO_SMALL, with the size that the next row's block has in `*needed_bytes`: not advanced (I3).
  // Any other error but BUSY is the scan's end: later calls return it again. May block: disk, filter.
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
  // Without a filter: straight from the store.
  base::Status Read(storage::RowBlockBuilder* rows, std::size_t max_bytes);
  // Reads rows into pending_ until the filter has kept one; END after the last.
  base::Status FillFiltered();
  base::Status Filter(std::string* block);
  // The part of pending_ that fits.
  base::Status GiveOut(storage::RowBlockBuilder* rows, std::size_t max_bytes,
                       std::size_t* needed_bytes);

  const std::shared_ptr<Broker> broker_;
  const CursorOptions options_;
  std::atomic_flag in_use_ = ATOMIC_FLAG_INIT;
  std::unique_ptr<storage::Scan> scan_;
  storage::Revision revision_ = 0;  // constant once open
  registry::Handle filter_ = 0;     // the cursor's own handle
  // Rows to be given out: a row block, of what a filter kept or of a row that did not fit; empty: none.
  std::string pending_;
  std::uint64_t pending_offset_ = 0;  // of the first of them not given out; 0: at the beginning
  std::uint64_t rows_kept_ = 0;       // by the filter
  bool stopped_ = false;              // by the filter: it wants to see no more
  base::Status ended_;                // not OK: what every later call returns
};

}  // namespace belay::engine
