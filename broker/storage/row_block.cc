#include "broker/storage/row_block.h"

#include <cassert>
#include <cstring>
#include <limits>
#include <utility>

#include "broker/base/bytes.h"

namespace belay::storage {
namespace {

using base::Code;
using base::Status;

Status Malformed(std::size_t offset_bytes, const std::string& what) {
  return Status(Code::kDataLoss,
                "row block: " + what + " at offset " + std::to_string(offset_bytes),
                "MALFORMED_ROW_BLOCK");
}

void EncodeRowHeader(const Row& row, char* header) noexcept {
  base::StoreLittle(header, row.revision);
  base::StoreLittle(header + 8, static_cast<std::uint32_t>(row.kind));
  base::StoreLittle(header + 12, static_cast<std::uint32_t>(row.key.size()));
  base::StoreLittle(header + 16, static_cast<std::uint32_t>(row.value.size()));
  base::StoreLittle(header + 20, row.flags);
}

// Returns its size. REQUIRES: room for it.
std::size_t EncodeRow(const Row& row, char* bytes) noexcept {
  EncodeRowHeader(row, bytes);
  char* const key = bytes + kRowHeaderBytes;
  if (!row.key.empty()) std::memcpy(key, row.key.data(), row.key.size());
  if (!row.value.empty()) std::memcpy(key + row.key.size(), row.value.data(), row.value.size());
  return RowBytes(row.key.size(), row.value.size());
}

}  // namespace

void BeginRowBlock(char* block) noexcept {
  base::StoreLittle(block, kRowBlockFormat);
  base::StoreLittle(block + kRowCountOffset, std::uint32_t{0});
}

Status AppendRow(char* block, std::size_t size_bytes, const Row& row) {
  const auto reader = RowBlockReader::Open({block, size_bytes});
  if (!reader.ok()) return reader.status();
  EncodeRow(row, block + size_bytes);
  base::StoreLittle(block + kRowCountOffset, reader->row_count() + 1);
  return {};
}

RowBlockBuilder::RowBlockBuilder() { Reset(); }

RowBlockBuilder::RowBlockBuilder(std::span<char> place) {
  if (place.size() < kRowBlockHeaderBytes) {
    Reset();
    return;
  }
  place_ = place;
  size_bytes_ = kRowBlockHeaderBytes;
  BeginRowBlock(place_.data());
}

void RowBlockBuilder::Reset() {
  block_.clear();
  row_count_ = 0;
  base::AppendLittle(block_, kRowBlockFormat);
  base::AppendLittle(block_, row_count_);
}

void RowBlockBuilder::LeavePlace() {
  block_.assign(place_.data(), size_bytes_);
  place_ = {};
}

void RowBlockBuilder::Append(const Row& row) {
  assert(row.key.size() <= std::numeric_limits<std::uint32_t>::max());
  assert(row.value.size() <= std::numeric_limits<std::uint32_t>::max());
  if (InPlace() && RowBytes(row.key.size(), row.value.size()) > place_.size() - size_bytes_)
    LeavePlace();
  if (InPlace()) {
    size_bytes_ += EncodeRow(row, place_.data() + size_bytes_);
    base::StoreLittle(place_.data() + kRowCountOffset, ++row_count_);
    return;
  }
  char header[kRowHeaderBytes];
  EncodeRowHeader(row, header);
  block_.append(header, sizeof header).append(row.key).append(row.value);
  // The count is kept right after every row, so that the block is valid at any moment, also when
  // the next append throws for want of memory.
  ++row_count_;
  base::StoreLittle(block_.data() + kRowCountOffset, row_count_);
}

void RowBlockBuilder::Adopt(std::string block) {
  row_count_ = base::LoadLittle<std::uint32_t>(block.data() + kRowCountOffset);
  if (InPlace() && block.size() <= place_.size()) {
    block.copy(place_.data(), block.size());
    size_bytes_ = block.size();
    return;
  }
  place_ = {};
  block_ = std::move(block);
}

std::string RowBlockBuilder::Take() {
  if (InPlace()) LeavePlace();
  std::string taken = std::move(block_);
  Reset();
  return taken;
}

base::Result<RowBlockReader> RowBlockReader::Open(std::string_view block) {
  if (block.size() < kRowBlockHeaderBytes) {
    return Malformed(0, "header of " + std::to_string(kRowBlockHeaderBytes) +
                            " bytes cut short to " + std::to_string(block.size()));
  }
  const auto format = base::LoadLittle<std::uint32_t>(block.data());
  if (format != kRowBlockFormat) return Malformed(0, "unknown format " + std::to_string(format));
  return RowBlockReader(block);
}

base::Result<RowBlockReader> RowBlockReader::Resume(std::string_view block,
                                                    std::uint64_t position) {
  base::Result<RowBlockReader> reader = Open(block);
  if (!reader.ok() || position == 0) return reader;
  const std::uint64_t offset_bytes = position & kPositionOffsetMask;
  if (offset_bytes < kRowBlockHeaderBytes || offset_bytes > block.size() ||
      position >> kPositionOffsetBits > reader->row_count()) {
    return Status(Code::kInvalidArgument, "the position is not one of this row block: begin at 0");
  }
  reader->position_ = position;
  return reader;
}

std::uint32_t RowBlockReader::row_count() const noexcept {
  return base::LoadLittle<std::uint32_t>(block_.data() + kRowCountOffset);
}

Status RowBlockReader::NoRow() const {
  const auto offset = static_cast<std::size_t>(position_ & kPositionOffsetMask);
  const std::size_t left_bytes = block_.size() - offset;
  if (position_ >> kPositionOffsetBits == row_count()) {
    if (left_bytes == 0) return Status(Code::kEnd, "no more rows");
    return Malformed(offset, std::to_string(left_bytes) + " bytes after the last row");
  }
  if (left_bytes < kRowHeaderBytes) return Malformed(offset, "row header cut short");
  const char* header = block_.data() + offset;
  const auto kind = base::LoadLittle<std::uint32_t>(header + 8);
  const auto flags = base::LoadLittle<std::uint32_t>(header + 20);
  if (kind < static_cast<std::uint32_t>(RowKind::kPut) ||
      kind > static_cast<std::uint32_t>(RowKind::kSynced)) {
    return Malformed(offset + 8, "unknown row kind " + std::to_string(kind));
  }
  if ((flags & ~kRowExpired) != 0) {
    return Malformed(offset + 20, "unknown flags " + std::to_string(flags));
  }
  if (base::LoadLittle<std::uint32_t>(header + 12) > left_bytes - kRowHeaderBytes)
    return Malformed(offset + 12, "key longer than the block");
  return Malformed(offset + 16, "value longer than the block");
}

void FilterKeep(std::string* bitmap, std::uint32_t row) noexcept {
  char& byte = (*bitmap)[row / 8];
  byte = static_cast<char>(static_cast<unsigned char>(byte) | (1u << (row % 8)));
}

Status ApplyFilter(std::string_view bitmap, std::string* block) {
  const base::Result<RowBlockReader> opened = RowBlockReader::Open(*block);
  if (!opened.ok()) return opened.status();
  const std::uint32_t row_count = opened->row_count();
  const std::size_t expected_bytes = FilterBitmapBytes(row_count);
  if (bitmap.size() != expected_bytes && !FilterStops(bitmap, row_count)) {
    return Status(Code::kInvalidArgument,
                  "filter reply has " + std::to_string(bitmap.size()) + " bytes, expected " +
                      std::to_string(expected_bytes) + " for " + std::to_string(row_count) +
                      " rows",
                  "BAD_FILTER_REPLY");
  }
  // Kept rows move down over those that are not, as they are. The count stays until the end, for
  // StepRow looks at it.
  RowBlockReader reader = *opened;
  std::size_t end = kRowBlockHeaderBytes;
  std::size_t row_offset = kRowBlockHeaderBytes;
  std::uint32_t kept = 0;
  Row row;
  Status status;
  for (std::uint32_t i = 0; (status = reader.Next(&row)).ok(); ++i) {
    const std::size_t row_bytes = RowBytes(row.key.size(), row.value.size());
    if (FilterKeeps(bitmap, i)) {
      std::memmove(block->data() + end, block->data() + row_offset, row_bytes);
      end += row_bytes;
      ++kept;
    }
    row_offset += row_bytes;
  }
  if (status.code() != Code::kEnd) return status;
  base::StoreLittle(block->data() + kRowCountOffset, kept);
  block->resize(end);
  return {};
}

}  // namespace belay::storage
