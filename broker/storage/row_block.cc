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

constexpr std::size_t kRowCountOffset = 4;

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

}  // namespace

void BeginRowBlock(char* block) noexcept {
  base::StoreLittle(block, kRowBlockFormat);
  base::StoreLittle(block + kRowCountOffset, std::uint32_t{0});
}

Status AppendRow(char* block, std::size_t size_bytes, const Row& row) {
  const auto reader = RowBlockReader::Open({block, size_bytes});
  if (!reader.ok()) return reader.status();
  char* const end = block + size_bytes;
  EncodeRowHeader(row, end);
  if (!row.key.empty()) std::memcpy(end + kRowHeaderBytes, row.key.data(), row.key.size());
  if (!row.value.empty()) {
    std::memcpy(end + kRowHeaderBytes + row.key.size(), row.value.data(), row.value.size());
  }
  base::StoreLittle(block + kRowCountOffset, reader->row_count() + 1);
  return {};
}

RowBlockBuilder::RowBlockBuilder() { Reset(); }

void RowBlockBuilder::Reset() {
  block_.clear();
  row_count_ = 0;
  base::AppendLittle(block_, kRowBlockFormat);
  base::AppendLittle(block_, row_count_);
}

void RowBlockBuilder::Append(const Row& row) {
  assert(row.key.size() <= std::numeric_limits<std::uint32_t>::max());
  assert(row.value.size() <= std::numeric_limits<std::uint32_t>::max());
  char header[kRowHeaderBytes];
  EncodeRowHeader(row, header);
  block_.append(header, sizeof header).append(row.key).append(row.value);
  // The count is kept right after every row, so that the block is valid at any moment, also when
  // the next append throws for want of memory.
  ++row_count_;
  base::StoreLittle(block_.data() + kRowCountOffset, row_count_);
}

std::string RowBlockBuilder::Take() {
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
  return RowBlockReader(block, base::LoadLittle<std::uint32_t>(block.data() + kRowCountOffset));
}

// A position is the rows read, above the byte offset. Both are needed to notice a block that ends early.
constexpr unsigned kOffsetBits = 40;
constexpr std::uint64_t kOffsetMask = (std::uint64_t{1} << kOffsetBits) - 1;

std::uint64_t RowBlockReader::position() const noexcept {
  return std::uint64_t{rows_read_} << kOffsetBits | offset_bytes_;
}

base::Result<RowBlockReader> RowBlockReader::Resume(std::string_view block,
                                                    std::uint64_t position) {
  base::Result<RowBlockReader> reader = Open(block);
  if (!reader.ok() || position == 0) return reader;
  const std::uint64_t offset_bytes = position & kOffsetMask;
  const std::uint64_t rows_read = position >> kOffsetBits;
  if (offset_bytes < kRowBlockHeaderBytes || offset_bytes > block.size() ||
      rows_read > reader->row_count_) {
    return Status(Code::kInvalidArgument, "the position is not one of this row block: begin at 0");
  }
  reader->offset_bytes_ = static_cast<std::size_t>(offset_bytes);
  reader->rows_read_ = static_cast<std::uint32_t>(rows_read);
  return reader;
}

Status RowBlockReader::Next(Row* row) {
  const std::size_t left_bytes = block_.size() - offset_bytes_;
  if (rows_read_ == row_count_) {
    if (left_bytes == 0) return Status(Code::kEnd, "no more rows");
    return Malformed(offset_bytes_, std::to_string(left_bytes) + " bytes after the last row");
  }
  if (left_bytes < kRowHeaderBytes) return Malformed(offset_bytes_, "row header cut short");
  const char* header = block_.data() + offset_bytes_;
  const auto kind = base::LoadLittle<std::uint32_t>(header + 8);
  const std::size_t key_bytes = base::LoadLittle<std::uint32_t>(header + 12);
  const std::size_t value_bytes = base::LoadLittle<std::uint32_t>(header + 16);
  const auto flags = base::LoadLittle<std::uint32_t>(header + 20);
  if (kind < static_cast<std::uint32_t>(RowKind::kPut) ||
      kind > static_cast<std::uint32_t>(RowKind::kSynced)) {
    return Malformed(offset_bytes_ + 8, "unknown row kind " + std::to_string(kind));
  }
  if ((flags & ~kRowExpired) != 0) {
    return Malformed(offset_bytes_ + 20, "unknown flags " + std::to_string(flags));
  }
  // Subtractions from what is left cannot overflow, additions to an offset could (32-bit size_t).
  std::size_t body_bytes = left_bytes - kRowHeaderBytes;
  if (key_bytes > body_bytes) return Malformed(offset_bytes_ + 12, "key longer than the block");
  body_bytes -= key_bytes;
  if (value_bytes > body_bytes) return Malformed(offset_bytes_ + 16, "value longer than the block");
  row->revision = base::LoadLittle<Revision>(header);
  row->kind = static_cast<RowKind>(kind);
  row->flags = flags;
  row->key = block_.substr(offset_bytes_ + kRowHeaderBytes, key_bytes);
  row->value = block_.substr(offset_bytes_ + kRowHeaderBytes + key_bytes, value_bytes);
  offset_bytes_ += RowBytes(key_bytes, value_bytes);
  ++rows_read_;
  return Status();
}

void FilterKeep(std::string* bitmap, std::uint32_t row) noexcept {
  char& byte = (*bitmap)[row / 8];
  byte = static_cast<char>(static_cast<unsigned char>(byte) | (1u << (row % 8)));
}

base::Result<std::string> ApplyFilter(std::string_view block, std::string_view bitmap) {
  base::Result<RowBlockReader> opened = RowBlockReader::Open(block);
  if (!opened.ok()) return opened.status();
  RowBlockReader& reader = *opened;
  const std::size_t expected_bytes = FilterBitmapBytes(reader.row_count());
  if (bitmap.size() != expected_bytes && !FilterStops(bitmap, reader.row_count())) {
    return Status(Code::kInvalidArgument,
                  "filter reply has " + std::to_string(bitmap.size()) + " bytes, expected " +
                      std::to_string(expected_bytes) + " for " +
                      std::to_string(reader.row_count()) + " rows",
                  "BAD_FILTER_REPLY");
  }
  RowBlockBuilder kept;
  Row row;
  for (std::uint32_t i = 0;; ++i) {
    Status status = reader.Next(&row);
    if (status.code() == Code::kEnd) return kept.Take();
    if (!status.ok()) return status;
    if (FilterKeeps(bitmap, i)) kept.Append(row);
  }
}

}  // namespace belay::storage
