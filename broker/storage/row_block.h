// Row blocks: the one packed form in which rows of the store cross a border. Scans return them,
// filters and watches receive them, the history keeps them, in every language alike.
//
// Format 1, all integers little-endian, no padding:
//
//   block   u32 format (= 1), u32 row_count, then row_count rows and nothing after them
//   row     u64 revision      of the change that the row shows
//           u32 kind          1 put, 2 delete, and others: see RowKind
//           u32 key_size      bytes
//           u32 value_size    bytes
//           u32 flags         1 the key expired (of a delete)
//           key_size bytes, then value_size bytes
//
// A filter's reply is a bitmap of ceil(row_count / 8) bytes; bit i, lowest first, keeps row i. Bits
// after the last row are ignored. One more byte, of value 1, asks that no more rows be looked at.
//
// Invariants
//   - The reader never looks outside the block it was given, whatever the block says (I7): each
//     size is checked against the bytes that are left before it is used.
//   - A block is accepted whole or refused with the offset of what is wrong; it is never cut short
//     in silence: a row missing from a filter would be a row dropped.
//
// Thread safety: values; distinct objects may be used from distinct threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "broker/base/bytes.h"
#include "broker/base/status.h"

namespace belay::storage {

using Revision = std::uint64_t;

inline constexpr std::uint32_t kRowBlockFormat = 1;
inline constexpr std::size_t kRowBlockHeaderBytes = 8;
inline constexpr std::size_t kRowHeaderBytes = 24;

inline constexpr std::size_t kRowCountOffset = 4;
// A position is the rows read, above the byte offset. Both are needed to notice a block that ends early.
inline constexpr unsigned kPositionOffsetBits = 40;
inline constexpr std::uint64_t kPositionOffsetMask = (std::uint64_t{1} << kPositionOffsetBits) - 1;

enum class RowKind : std::uint32_t {
  kPut = 1,
  kDelete = 2,
  // What the key of the next row, the same key, had before that change. `revision` is that of the
  // change before. Only who asks for old values gets such rows.
  kOld = 3,
  // To a watch, of no key: changes before `revision` were missed. Rows that were not deleted follow, as
  // puts, and then kSynced: what was known before is to be forgotten. See Watch.
  kReset = 4,
  // To a watch, of no key: the rows since kReset are all there was at `revision`. Changes follow.
  kSynced = 5,
};

// Of a kDelete: nobody deleted the key, its time had come.
inline constexpr std::uint32_t kRowExpired = 1;

// One row of a block. The views point into the block.
struct Row {
  Revision revision = 0;
  RowKind kind = RowKind::kPut;
  std::string_view key;
  std::string_view value;
  std::uint32_t flags = 0;
};

// What one row adds to a block.
constexpr std::size_t RowBytes(std::size_t key_bytes, std::size_t value_bytes) noexcept {
  return kRowHeaderBytes + key_bytes + value_bytes;
}

// Reads the row at `position` of a block, and moves `*position` behind it: see RowBlockReader::position(). False,
// and nothing done, unless there is a whole and regular one, which RowBlockReader tells why. Inline: the way of
// every row of every scan.
inline bool StepRow(std::string_view block, std::uint64_t* position, Row* row) noexcept;

// RowBlockBuilder on memory of the caller's: a block of no rows into `block`, and one row more behind the
// block of `size_bytes` that is there. DATA_LOSS, and nothing done, if that is none by its header.
// REQUIRES: room for kRowBlockHeaderBytes; for RowBytes() more.
void BeginRowBlock(char* block) noexcept;
base::Status AppendRow(char* block, std::size_t size_bytes, const Row& row);

class RowBlockBuilder {
 public:
  RowBlockBuilder();
  // Builds in memory of the caller's as long as the block fits there, and then in its own.
  // REQUIRES: `place` outlives it.
  explicit RowBlockBuilder(std::span<char> place);
  RowBlockBuilder(const RowBlockBuilder&) = delete;
  RowBlockBuilder& operator=(const RowBlockBuilder&) = delete;

  // REQUIRES: key and value are shorter than 4 GiB each (the store's limits are far below), and the
  // block has fewer than 2^32 - 1 rows.
  void Append(const Row& row);
  // Becomes that block. REQUIRES: it is one, and there are no rows here.
  void Adopt(std::string block);

  std::uint32_t row_count() const noexcept { return row_count_; }
  // Room for a block of so many bytes: what is appended up to there moves nothing.
  void Reserve(std::size_t size_bytes) { block_.reserve(size_bytes); }
  // Of the block as Take() would return it: 8 when empty.
  std::size_t size_bytes() const noexcept { return InPlace() ? size_bytes_ : block_.size(); }

  // Returns the block, a valid one even without rows, and begins a new one.
  std::string Take();

 private:
  bool InPlace() const noexcept { return !place_.empty(); }
  void LeavePlace();
  void Reset();

  std::span<char> place_;       // empty: built in block_
  std::size_t size_bytes_ = 0;  // in place
  std::string block_;
  std::uint32_t row_count_ = 0;
};

class RowBlockReader {
 public:
  // Checks the header alone. DATA_LOSS for anything that is not a row block of a known format.
  // REQUIRES: `block` outlives the reader and the rows it returns.
  static base::Result<RowBlockReader> Open(std::string_view block);

  // Goes on where another reader of the same block was: `position` is 0 or what position() told.
  // INVALID_ARGUMENT for a position that no reader of this block can have had.
  static base::Result<RowBlockReader> Resume(std::string_view block, std::uint64_t position);
  // Opaque. REQUIRES: the block is smaller than 2^40 bytes.
  std::uint64_t position() const noexcept { return position_; }

  // What is behind the rows read so far.
  std::string_view rest() const noexcept {
    return block_.substr(static_cast<std::size_t>(position_ & kPositionOffsetMask));
  }

  // As the header says; trust it only after Next() has returned END.
  std::uint32_t row_count() const noexcept;

  // Writes the next row to `*row`. END after the last one; DATA_LOSS naming the offset when the
  // block is truncated, has bytes after its last row, or a row is malformed. After an error the
  // reader stays where it is.
  base::Status Next(Row* row) {
    return StepRow(block_, &position_, row) ? base::Status() : NoRow();
  }

 private:
  explicit RowBlockReader(std::string_view block) : block_(block) {}

  // Why there is no row at position_: END, or what is wrong.
  base::Status NoRow() const;

  std::string_view block_;
  std::uint64_t position_ = kRowBlockHeaderBytes;
};

// Of a filter's reply to a block of `row_count` rows.
constexpr std::size_t FilterBitmapBytes(std::uint32_t row_count) noexcept {
  return (static_cast<std::size_t>(row_count) + 7) / 8;
}

// Whether the reply to a block of `row_count` rows says that these were the last it wants to see.
constexpr bool FilterStops(std::string_view bitmap, std::uint32_t row_count) noexcept {
  return bitmap.size() == FilterBitmapBytes(row_count) + 1 && bitmap.back() == 1;
}

// REQUIRES: row / 8 < bitmap.size()
constexpr bool FilterKeeps(std::string_view bitmap, std::uint32_t row) noexcept {
  return ((static_cast<unsigned char>(bitmap[row / 8]) >> (row % 8)) & 1u) != 0;
}

// REQUIRES: row / 8 < bitmap->size()
void FilterKeep(std::string* bitmap, std::uint32_t row) noexcept;

// Leaves in the block the rows that `bitmap` keeps, in the same order. INVALID_ARGUMENT naming both sizes
// when the bitmap has not the size that the block asks for; DATA_LOSS for a malformed block, of which
// anything may be left then.
base::Status ApplyFilter(std::string_view bitmap, std::string* block);

// ---- inline ----

inline bool StepRow(std::string_view block, std::uint64_t* position, Row* row) noexcept {
  const std::uint64_t at = *position == 0 ? kRowBlockHeaderBytes : *position;
  const std::uint64_t offset = at & kPositionOffsetMask;
  const std::uint64_t rows_read = at >> kPositionOffsetBits;
  if (block.size() < kRowBlockHeaderBytes || offset < kRowBlockHeaderBytes ||
      offset > block.size() || block.size() - offset < kRowHeaderBytes) {
    return false;
  }
  const char* const header = block.data() + offset;
  const auto kind = base::LoadLittle<std::uint32_t>(header + 8);
  const std::size_t key_bytes = base::LoadLittle<std::uint32_t>(header + 12);
  const std::size_t value_bytes = base::LoadLittle<std::uint32_t>(header + 16);
  const auto flags = base::LoadLittle<std::uint32_t>(header + 20);
  // Subtractions from what is left cannot overflow, additions to an offset could (32-bit size_t).
  const std::size_t body_bytes = block.size() - offset - kRowHeaderBytes;
  if (base::LoadLittle<std::uint32_t>(block.data()) != kRowBlockFormat ||
      rows_read >= base::LoadLittle<std::uint32_t>(block.data() + kRowCountOffset) ||
      kind < static_cast<std::uint32_t>(RowKind::kPut) ||
      kind > static_cast<std::uint32_t>(RowKind::kSynced) || (flags & ~kRowExpired) != 0 ||
      key_bytes > body_bytes || value_bytes > body_bytes - key_bytes) {
    return false;
  }
  row->revision = base::LoadLittle<Revision>(header);
  row->kind = static_cast<RowKind>(kind);
  row->flags = flags;
  row->key = {header + kRowHeaderBytes, key_bytes};
  row->value = {header + kRowHeaderBytes + key_bytes, value_bytes};
  *position = (rows_read + 1) << kPositionOffsetBits | (offset + RowBytes(key_bytes, value_bytes));
  return true;
}

}  // namespace belay::storage
