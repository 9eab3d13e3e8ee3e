// A cursor: a scan of the store, its rows picked by a filter callback if there is one (S3).
//
// The filter sees up to kFilterRows rows a call, as a row block, and answers with a bitmap. One that
// fails, or answers with a bitmap of the wrong size, fails the scan: rows are never kept or dropped by
// default. Its handle is held until the cursor ends.
//
// Thread safety: exclusive. Next() in use by another thread is BUSY, never a race (I4).
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "broker/base/status.h"
#include "broker/engine/broker.h"
#include "broker/registry/object.h"

namespace belay::engine {

inline constexpr std::uint32_t kFilterRows = 512;

class Cursor final : public registry::Object {
 public:
  // Begins a scan. May block (disk).
  static base::Result<registry::Ref<Cursor>> Open(std::shared_ptr<Broker> broker, const CursorOptions& options);
  ~Cursor() override;

  // The next rows as a row block of at most `max_bytes`, at least one row. END when there are no more.
  // BUFFER_TOO_SMALL, with the size that the next row's block has in `*needed_bytes`: not advanced (I3).
  // May block: disk, filter.
  base::Result<std::string> Next(std::size_t max_bytes, std::size_t* needed_bytes);

 private:
  Cursor(std::shared_ptr<Broker> broker, const CursorOptions& options);
  base::Status Fill();

  const std::shared_ptr<Broker> broker_;
  const CursorOptions options_;
  std::atomic_flag in_use_ = ATOMIC_FLAG_INIT;
  std::unique_ptr<storage::Scan> scan_;
  registry::Handle filter_ = 0;  // the cursor's own handle
  std::string pending_;          // rows that passed the filter and are not yet given out: a row block
  std::size_t pending_offset_ = 0;
  std::uint64_t rows_given_ = 0;
  bool scan_ended_ = false;
};

}  // namespace belay::engine
