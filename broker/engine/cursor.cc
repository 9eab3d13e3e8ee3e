#include "broker/engine/cursor.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "broker/base/deadline.h"
#include "broker/engine/exclusive_use.h"
#include "broker/engine/hooks.h"

namespace belay::engine {

using base::Code;
using base::Result;
using base::Status;
using registry::Kind;
using registry::Ref;
using registry::Registry;

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

Cursor::~Cursor() {
  if (filter_ != 0) (void)Registry::Release(filter_);
}

Result<Ref<Cursor>> Cursor::Open(std::shared_ptr<Broker> broker, const CursorOptions& options) {
  auto store = broker->store();
  if (!store.ok()) return store.status();
  if (options.filter_timeout_ns < 0) {
    return Status(Code::kInvalidArgument, "filter_timeout_ns is negative; 0 is no timeout");
  }
  auto cursor = Ref<Cursor>::Adopt(new Cursor(std::move(broker), options));
  storage::ScanOptions scan = options.scan;
  if (options.filter != 0) {
    if (Status refusal = Registry::Refusal(options.filter); !refusal.ok()) return refusal;
    auto held =
        Registry::Retain(options.filter, cursor->broker_->hooks_owner(), registry::kRightInvoke);
    if (!held.ok()) return held.status();
    cursor->filter_ = *held;
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
    Status status = filter_ != 0 ? FillFiltered() : Read(rows, max_bytes);
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

Status Cursor::FillFiltered() {
  const std::uint64_t limit = options_.scan.limit;
  for (;;) {
    if (stopped_ || (limit != 0 && rows_kept_ >= limit)) return Status(Code::kEnd, "no more rows");
    storage::RowBlockBuilder rows;
    rows.Reserve(kFillBytes);
    if (Status status = scan_->Next(&rows, kFilterRows, kFilterBytes); !status.ok()) return status;
    std::string kept = rows.Take();
    if (Status status = Filter(&kept); !status.ok()) return status;
    std::uint64_t count = RowCount(kept);
    if (count == 0) continue;
    const std::uint64_t left = limit == 0 ? count : limit - rows_kept_;
    if (options_.scan.keys_only || count > left) {
      auto trimmed = Trim(kept, left, options_.scan.keys_only);
      if (!trimmed.ok()) return trimmed.status();
      kept = std::move(*trimmed);
      count = std::min(count, left);
    }
    rows_kept_ += count;
    pending_ = std::move(kept);
    pending_offset_ = 0;
    return {};
  }
}

Status Cursor::Filter(std::string* block) {
  registry::Request request;
  request.payload = *block;
  request.caller = options_.caller;
  request.deadline_ns = base::DeadlineAfter(options_.filter_timeout_ns);
  const registry::Outcome outcome = Registry::Invoke(filter_, std::move(request));
  if (!outcome.status.ok()) {
    return Status(outcome.status.code(), "the scan's filter: " + outcome.status.message(),
                  outcome.status.reason());
  }
  stopped_ = storage::FilterStops(outcome.reply, RowCount(*block));
  Status kept = storage::ApplyFilter(outcome.reply, block);
  if (kept.code() != Code::kInvalidArgument) return kept;
  // The filter's fault, not that of whoever scans.
  Registry::CountFailure(filter_);
  return Status(Code::kCallbackFailed, "the scan's filter: " + kept.message(), kept.reason());
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
