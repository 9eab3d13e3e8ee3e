// Row blocks: what scans return and what hooks receive and answer, on both of Belay's doors.
//
// Format, little-endian: u32 format = 1, u32 row_count, then per row u64 revision, u32 kind,
// u32 key_size, u32 value_size, u32 0, key, value.
//
// A RowReader never reads outside the block it was given, whatever the block says: a truncated or
// foreign one ends the iteration with ok() == false.
//
// Header-only, C++17, needs neither libbelay nor gRPC. Thread safety: a reader belongs to one thread;
// rows point into the block, which must outlive them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace belay {

// kOld: what the key of the next row had before; only for hooks that ask for it. To watches that have missed
// changes: kReset, forget what you know, the state at the row's revision follows as puts; kSynced, that was
// all of it.
enum class RowKind : std::uint32_t { kPut = 1, kDelete = 2, kOld = 3, kReset = 4, kSynced = 5 };

struct Row {
  RowKind kind = RowKind::kPut;
  std::uint64_t revision = 0;  // of the change
  std::string_view key;
  std::string_view value;  // empty for deletes and keys-only scans
};

class RowReader {
 public:
  explicit RowReader(std::string_view block) noexcept : rest_(block) {
    if (block.size() < kHeaderBytes || Take32() != kFormat) {
      ok_ = false;
      return;
    }
    row_count_ = Take32();
    // Each row takes at least its header: a count beyond that cannot be true, and no caller
    // should reserve memory by it.
    if (row_count_ > rest_.size() / kRowHeaderBytes) ok_ = false;
    if (!ok_) row_count_ = 0;
  }

  // Moves on to the next row. False after the last one, and when the block is damaged.
  bool Next(Row& row) noexcept {
    if (!ok_ || next_ == row_count_) return false;
    if (rest_.size() < kRowHeaderBytes) return Damaged();
    row.revision = Take32();
    row.revision |= static_cast<std::uint64_t>(Take32()) << 32;
    row.kind = static_cast<RowKind>(Take32());
    const std::uint64_t key_size = Take32();
    const std::uint64_t value_size = Take32();
    Take32();
    if (row.kind < RowKind::kPut || row.kind > RowKind::kSynced) return Damaged();
    if (key_size + value_size > rest_.size()) return Damaged();
    row.key = rest_.substr(0, key_size);
    row.value = rest_.substr(key_size, value_size);
    rest_.remove_prefix(key_size + value_size);
    ++next_;
    return true;
  }

  // How many rows the block announces.
  std::uint32_t row_count() const noexcept { return row_count_; }
  // False: the block is truncated or no row block.
  bool ok() const noexcept { return ok_; }

 private:
  static constexpr std::uint32_t kFormat = 1;
  static constexpr std::size_t kHeaderBytes = 8;
  static constexpr std::size_t kRowHeaderBytes = 24;

  bool Damaged() noexcept {
    ok_ = false;
    return false;
  }

  // REQUIRES: four bytes are left
  std::uint32_t Take32() noexcept {
    std::uint32_t value = 0;
    for (unsigned i = 0; i < 4; ++i) {
      value |= static_cast<std::uint32_t>(static_cast<unsigned char>(rest_[i])) << (8 * i);
    }
    rest_.remove_prefix(4);
    return value;
  }

  std::string_view rest_;
  std::uint32_t row_count_ = 0;
  std::uint32_t next_ = 0;
  bool ok_ = true;
};

// Puts a row block together, for what projections, validators, updates and merge operators answer. No key or value may have 4 GiB.
class RowWriter {
 public:
  void Append(const Row& row) {
    Put64(row.revision);
    Put32(static_cast<std::uint32_t>(row.kind));
    Put32(static_cast<std::uint32_t>(row.key.size()));
    Put32(static_cast<std::uint32_t>(row.value.size()));
    Put32(0);
    block_.append(row.key).append(row.value);
    ++row_count_;
  }
  // The block, and begins another.
  std::string Take() {
    std::string block = std::exchange(block_, NewBlock());
    for (unsigned i = 0; i < 4; ++i)
      block[4 + i] = static_cast<char>(std::exchange(row_count_, row_count_ >> 8) & 0xffu);
    row_count_ = 0;
    return block;
  }

 private:
  static std::string NewBlock() { return std::string("\1\0\0\0\0\0\0\0", 8); }
  void Put32(std::uint32_t value) {
    for (unsigned i = 0; i < 4; ++i) block_ += static_cast<char>(value >> (8 * i) & 0xffu);
  }
  void Put64(std::uint64_t value) {
    Put32(static_cast<std::uint32_t>(value));
    Put32(static_cast<std::uint32_t>(value >> 32));
  }

  std::string block_ = NewBlock();
  std::uint32_t row_count_ = 0;
};

// The answer of a filter: bit i, lowest first, keeps row i. `keep` is called with each row; false is
// returned when the block is damaged.
template <typename Predicate>
bool FilterRows(std::string_view block, Predicate&& keep, std::string& bitmap) {
  RowReader rows(block);
  bitmap.assign((rows.row_count() + 7u) / 8u, '\0');
  Row row;
  for (std::size_t i = 0; rows.Next(row); ++i) {
    if (!keep(static_cast<const Row&>(row))) continue;
    bitmap[i / 8] = static_cast<char>(static_cast<unsigned char>(bitmap[i / 8]) | (1u << (i % 8)));
  }
  return rows.ok();
}

}  // namespace belay
