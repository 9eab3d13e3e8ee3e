// Row blocks: stepping through them, and putting them together.
#include <algorithm>
#include <cstddef>

#include "broker/storage/limits.h"
#include "broker/storage/row_block.h"
#include "capi/src/guard.h"

using belay::base::Code;
using namespace belay::capi;
namespace storage = belay::storage;

namespace {

// belay_row as it was before it had flags.
constexpr std::uint32_t kLeastRowBytes = offsetof(belay_row, flags);

void Fill(const storage::Row& found, belay_row* row) noexcept {
  belay_row filled;
  filled.kind = static_cast<std::uint32_t>(found.kind);
  filled.revision = found.revision;
  filled.key = found.key.data();
  filled.key_size = found.key.size();
  filled.value = found.value.data();
  filled.value_size = found.value.size();
  filled.flags = found.flags;
  filled.reserved = 0;
  Store(filled, row, row->struct_size);
}

// Why belay_rows_next has none to give.
belay_status NoRow(const void* block, std::uint64_t size, const std::uint64_t* position,
                   const belay_row* row) {
  std::string_view bytes;
  if (!View(block, size, &bytes)) return InvalidArgument("block is null with a size");
  if (position == nullptr) return InvalidArgument("position is null");
  if (row == nullptr || row->struct_size < kLeastRowBytes)
    return InvalidArgument("row is null, or its struct_size too small");
  auto reader = storage::RowBlockReader::Resume(bytes, *position);
  if (!reader.ok()) return Fail(reader.status());
  storage::Row none;
  const auto status = reader->Next(&none);
  return status.code() == Code::kEnd ? BELAY_END  // not an error: the last error stays
                                     : Fail(status);
}

}  // namespace

extern "C" {

belay_status belay_rows_next(const void* block, uint64_t size, uint64_t* position, belay_row* row) {
  std::string_view bytes;
  storage::Row found;
  if (row != nullptr && row->struct_size >= kLeastRowBytes && position != nullptr &&
      View(block, size, &bytes) && storage::StepRow(bytes, position, &found)) {
    Fill(found, row);
    return BELAY_OK;
  }
  return Guarded([&] { return NoRow(block, size, position, row); });
}

belay_status belay_rows_append(void* buffer, uint64_t capacity, uint64_t* size,
                               const belay_row* row) {
  return Guarded([&] {
    if (size == nullptr) return InvalidArgument("size is null");
    if (buffer == nullptr && capacity != 0)
      return InvalidArgument("buffer is null with a capacity");
    if (*size > capacity) return InvalidArgument("*size is beyond capacity");
    storage::Row added;
    std::size_t row_bytes = 0;
    if (row != nullptr) {
      belay_row given{};
      if (!Load(row, kLeastRowBytes, &given))
        return InvalidArgument("row->struct_size is too small");
      if (!View(given.key, given.key_size, &added.key) ||
          !View(given.value, given.value_size, &added.value) ||
          given.key_size > storage::kMaxKeyBytes || given.value_size > storage::kMaxValueBytes) {
        return InvalidArgument("row->key or row->value is null with a size, or too large");
      }
      if (given.kind < BELAY_ROW_PUT || given.kind > BELAY_ROW_OLD)
        return InvalidArgument("row->kind is none");
      added.kind = static_cast<storage::RowKind>(given.kind);
      added.revision = given.revision;
      added.flags = given.flags & storage::kRowExpired;
      row_bytes = storage::RowBytes(added.key.size(), added.value.size());
    }
    const auto block_bytes =
        static_cast<std::size_t>(std::max<std::uint64_t>(*size, storage::kRowBlockHeaderBytes));
    const std::uint64_t grown = block_bytes + row_bytes;
    if (grown > capacity) {
      *size = grown;
      return Fail(Code::kBufferTooSmall, "the block would have " + std::to_string(grown) +
                                             " bytes, the buffer has " + std::to_string(capacity));
    }
    auto* const bytes = static_cast<char*>(buffer);
    if (*size == 0) storage::BeginRowBlock(bytes);
    if (row != nullptr) {
      const auto status = storage::AppendRow(bytes, block_bytes, added);
      if (!status.ok()) return Fail(status);
    }
    *size = grown;
    return BELAY_OK;
  });
}
}
