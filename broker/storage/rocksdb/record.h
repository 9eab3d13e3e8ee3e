// What is kept of a key: a header, then the value.
//
// The header is varints (base/varint.h): create_revision, doubled, and one more if the key expires;
// mod_revision less create_revision; version; and expires_at_ms if the key expires. Mostly six to nine bytes: as fixed
// words they would be a fifth of a row with a value of 100 bytes, to be written, cached and read past.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/base/varint.h"
#include "broker/storage/reading.h"
#include "broker/storage/row_block.h"

namespace belay::storage {

struct RecordHeader {
  Revision create_revision = 0;
  Revision mod_revision = 0;
  std::uint64_t version = 0;
  std::int64_t expires_at_ms = 0;  // 0: never
};

inline constexpr std::size_t kMaxHeaderBytes = 4 * base::kMaxVarintBytes;

// Returns how many bytes it wrote. REQUIRES: room for kMaxHeaderBytes at `bytes`;
// create_revision <= mod_revision < 2^63.
inline std::size_t EncodeRecordHeader(const RecordHeader& header, char* bytes) noexcept {
  const bool expires = header.expires_at_ms != 0;
  char* end = base::StoreVarint(bytes, header.create_revision << 1U | (expires ? 1U : 0U));
  end = base::StoreVarint(end, header.mod_revision - header.create_revision);
  end = base::StoreVarint(end, header.version);
  if (expires) end = base::StoreVarint(end, static_cast<std::uint64_t>(header.expires_at_ms));
  return static_cast<std::size_t>(end - bytes);
}

// Nothing if `record` does not begin with a header.
inline std::optional<RecordView> DecodeRecord(std::string_view record) noexcept {
  const char* at = record.data();
  const char* const end = at + record.size();
  std::uint64_t doubled = 0;
  std::uint64_t since_create = 0;
  RecordView view;
  at = base::LoadVarint(at, end, &doubled);
  if (at != nullptr) at = base::LoadVarint(at, end, &since_create);
  if (at != nullptr) at = base::LoadVarint(at, end, &view.version);
  if ((doubled & 1U) != 0 && at != nullptr) {
    std::uint64_t expires_at_ms = 0;
    at = base::LoadVarint(at, end, &expires_at_ms);
    view.expires_at_ms = static_cast<std::int64_t>(expires_at_ms);
  }
  if (at == nullptr) return std::nullopt;
  view.create_revision = doubled >> 1U;
  view.mod_revision = view.create_revision + since_create;
  view.value = {at, static_cast<std::size_t>(end - at)};
  return view;
}

}  // namespace belay::storage
