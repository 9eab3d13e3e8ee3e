#include "broker/engine/cursor.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "broker/engine/exclusive_use.h"

namespace belay::engine {

using base::Code;
using base::Result;
using base::Status;
using registry::Kind;
using registry::Ref;

namespace {

// Memory to begin with: few callers' buffers are larger.
constexpr std::size_t kFillBytes = std::size_t{64} << 10;
constexpr std::uint32_t kAnyNumberOfRows = std::numeric_limits<std::uint32_t>::max();

// The rows of `block`, at most `limit` of them, with or without their values.
Result<std::string> Trim(const std::string& block, std::uint64_t limit, bool keys_only) {
  auto reader = storage::RowBlockReader::Open(block);
  if (!reader.ok()) return reader.status();
  storage::RowBlockBuilder trimmed;
  storage::Row row;
  while (trimmed.row_count() < limit) {
    const Status status = reader->Next(&row);
    if (status.code() == Code::kEnd) break;
    if (!status.ok()) return status;
    if (keys_only) row.value = {};
    trimmed.Append(row);
  }
  return trimmed.Take();
}

std::uint32_t RowCount(const std::string& block) {
  const auto reader = storage::RowBlockReader::Open(block);
  return reader.ok() ? reader->row_count() : 0;
}

Status Busy() { return {Code::kBusy, "the cursor is in use by another thread"}; }

}  // namespace

Cursor::Cursor(std::shared_ptr<Broker> broker, const CursorOptions& options)
    : Object(Kind::kCursor), broker_(std::move(broker)), options_(options) {}

std::string_view Cursor::label() const {
  if (projection_.is_held()) return "projected scan";
  return filter_.is_held() ? "filtered scan" : "scan";
}

Result<Ref<Cursor>> Cursor::Open(std::shared_ptr<Broker> broker, const CursorOptions& options) {
  auto store = broker->store();
  if (!store.ok()) return store.status();
  if (options.hook_timeout_ns < 0) {
    return Status(Code::kInvalidArgument, "hook_timeout_ns is negative; 0 is no timeout");
  }
  if (options.projection != 0 && options.scan.keys_only) {
    return Status(Code::kInvalidArgument, "a projection makes values, and keys only are asked for");
  }
  auto cursor = Ref<Cursor>::Adopt(new Cursor(std::move(broker), options));
  storage::ScanOptions scan = options.scan;
  for (const auto& [hook, callback] : {std::pair{&cursor->filter_, options.filter},
                                       std::pair{&cursor->projection_, options.projection}}) {
    if (callback == 0) continue;
    if (Status status = hook->Hold(*cursor->broker_, callback); !status.ok()) return status;
    scan.keys_only = false;
    scan.limit = 0;
  }
  auto opened = (*store)->NewScan(scan);
  if (!opened.ok()) return opened.status();
  cursor->scan_ = std::move(*opened);
  cursor->revision_ = cursor->scan_->revision();
  return cursor;
}

Result<std::string> Cursor::Next(std::size_t max_bytes, std::size_t* needed_bytes) {
  const ExclusiveUse use(in_use_);
  if (!use) return Busy();
  storage::RowBlockBuilder rows;
  rows.Reserve(std::min(max_bytes, kFillBytes));
  if (Status status = Produce(&rows, max_bytes, needed_bytes); !status.ok()) return status;
  return rows.Take();
}

Status Cursor::NextInto(std::span<char> buffer, std::size_t* size_bytes) {
  const ExclusiveUse use(in_use_);
  if (!use) return Busy();
  storage::RowBlockBuilder rows(buffer);
  Status status = Produce(&rows, buffer.size(), size_bytes);
  if (status.ok()) *size_bytes = rows.size_bytes();
  return status;
}

Status Cursor::Produce(storage::RowBlockBuilder* rows, std::size_t max_bytes,
                       std::size_t* needed_bytes) {
  if (!ended_.ok()) return ended_;
  if (pending_.empty()) {
    const bool asks = filter_.is_held() || projection_.is_held();
    Status status = asks ? FillAsked() : Read(rows, max_bytes);
    if (!status.ok()) {
      ended_ = status;
      scan_.reset();  // lets the snapshot go
      return status;
    }
  }
  return pending_.empty() ? Status() : GiveOut(rows, max_bytes, needed_bytes);
}

Status Cursor::Read(storage::RowBlockBuilder* rows, std::size_t max_bytes) {
  Status status = scan_->Next(rows, kAnyNumberOfRows, max_bytes);
  if (status.ok() && rows->size_bytes() > max_bytes) {
    pending_ = rows->Take();
    pending_offset_ = 0;
  }
  return status;
}

Status Cursor::FillAsked() {
  const std::uint64_t limit = options_.scan.limit;
  for (;;) {
    if (stopped_ || (limit != 0 && rows_left_ >= limit)) return Status(Code::kEnd, "no more rows");
    storage::RowBlockBuilder rows;
    rows.Reserve(kFillBytes);
    if (Status status = scan_->Next(&rows, kHookRows, kHookBytes); !status.ok()) return status;
    std::string left = rows.Take();
    for (const ScanHook* hook : {&filter_, &projection_}) {
      if (!hook->is_held() || RowCount(left) == 0) continue;
      Status status = hook->Ask(options_.caller, options_.hook_timeout_ns, &left, &stopped_);
      if (!status.ok()) return status;
    }
    std::uint64_t count = RowCount(left);
    if (count == 0) continue;
    const std::uint64_t most = limit == 0 ? count : limit - rows_left_;
    if (options_.scan.keys_only || count > most) {
      auto trimmed = Trim(left, most, options_.scan.keys_only);
      if (!trimmed.ok()) return trimmed.status();
      left = std::move(*trimmed);
      count = std::min(count, most);
    }
    rows_left_ += count;
    pending_ = std::move(left);
    pending_offset_ = 0;
    return {};
  }
}

Status Cursor::GiveOut(storage::RowBlockBuilder* rows, std::size_t max_bytes,
                       std::size_t* needed_bytes) {
  if (pending_offset_ == 0 && pending_.size() <= max_bytes) {
    rows->Adopt(std::exchange(pending_, {}));
    return {};
  }
  auto reader = storage::RowBlockReader::Resume(pending_, pending_offset_);
  if (!reader.ok()) return reader.status();
  storage::Row row;
  for (;;) {
    const std::uint64_t position = reader->position();
    const Status status = reader->Next(&row);
    if (status.code() == Code::kEnd) {
      pending_.clear();
      return {};
    }
    if (!status.ok()) return status;
    const std::size_t grown_bytes =
        rows->size_bytes() + storage::RowBytes(row.key.size(), row.value.size());
    if (grown_bytes > max_bytes) {
      pending_offset_ = position;
      if (rows->row_count() > 0) return {};
      if (needed_bytes != nullptr) *needed_bytes = grown_bytes;
      return Status(Code::kBufferTooSmall, "the next row needs a block of " +
                                               std::to_string(grown_bytes) + " bytes, not " +
                                               std::to_string(max_bytes));
    }
    rows->Append(row);
  }
}

}  // namespace belay::engine
