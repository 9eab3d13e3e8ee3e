// What the engine keeps in RocksDB, byte by byte.
//
//   column family "default"   the store's own facts, integers as u64 little-endian:
//                             "format" 1, "revision" of the last commit, "oldest" revision of the
//                             history, "epoch" (openings)
//   column family "data"      key -> u64 create_revision, u64 mod_revision, u64 version (all
//                             little-endian), value
//   column family "history"   u64 revision, big-endian -> a row block of the commit's changes
//
// Invariant: a commit's data, its history and "revision" are in one RocksDB batch, so they are there
// together or not at all, also after a crash.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/base/bytes.h"
#include "broker/storage/row_block.h"

namespace belay::storage {

inline constexpr std::uint64_t kStoreFormat = 1;

inline constexpr char kDataFamily[] = "data";
inline constexpr char kHistoryFamily[] = "history";

inline constexpr char kFormatKey[] = "format";
inline constexpr char kRevisionKey[] = "revision";
inline constexpr char kOldestKey[] = "oldest";
inline constexpr char kEpochKey[] = "epoch";

inline constexpr std::size_t kRecordHeaderBytes = 24;

struct RecordHeader {
  Revision create_revision = 0;
  Revision mod_revision = 0;
  std::uint64_t version = 0;
};

// REQUIRES: room for kRecordHeaderBytes at `bytes`.
inline void EncodeRecordHeader(const RecordHeader& header, char* bytes) noexcept {
  base::StoreLittle(bytes, header.create_revision);
  base::StoreLittle(bytes + 8, header.mod_revision);
  base::StoreLittle(bytes + 16, header.version);
}

// Nothing if `record` is too short to be one.
inline std::optional<RecordHeader> DecodeRecordHeader(std::string_view record) noexcept {
  if (record.size() < kRecordHeaderBytes) return std::nullopt;
  return RecordHeader{base::LoadLittle<std::uint64_t>(record.data()),
                      base::LoadLittle<std::uint64_t>(record.data() + 8),
                      base::LoadLittle<std::uint64_t>(record.data() + 16)};
}

inline std::string HistoryKey(Revision revision) {
  std::string key;
  base::AppendBig64(key, revision);
  return key;
}

inline std::optional<Revision> DecodeHistoryKey(std::string_view key) noexcept {
  if (key.size() != sizeof(Revision)) return std::nullopt;
  return base::LoadBig64(key.data());
}

inline std::string EncodeNumber(std::uint64_t number) {
  std::string bytes;
  base::AppendLittle(bytes, number);
  return bytes;
}

inline std::optional<std::uint64_t> DecodeNumber(std::string_view bytes) noexcept {
  if (bytes.size() != sizeof(std::uint64_t)) return std::nullopt;
  return base::LoadLittle<std::uint64_t>(bytes.data());
}

}  // namespace belay::storage
