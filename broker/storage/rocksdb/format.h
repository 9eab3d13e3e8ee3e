// What the engine keeps in RocksDB, byte by byte.
//
//   column family "default"   the store's own facts, integers as u64 little-endian: "format" 3,
//                             "oldest" revision of the history, "epoch" (openings)
//   column family "data"      the default keyspace: key -> record (record.h)
//   column family "history"   u64 revision, big-endian -> u32 keyspace, little-endian, then a row
//                             block of the commit's changes. The last entry tells the store's
//                             revision; the first ones go by whole files, when all together are
//                             larger than the bound.
//   column family "system"    the broker's own keyspace, as "data"
//   column family "expiry"    u64 expires_at_ms, u32 keyspace, both big-endian, key -> u64
//                             mod_revision, little-endian: of the put that said so. If the key has
//                             another by then, the entry means nothing any more.
//   column family "ks.NAME"   the keyspace NAME, as "data"
//
// A keyspace's id is its column family's, which RocksDB never gives out again.
//
// Invariant: a commit's data and its history are in one RocksDB batch, so they are there together or
// not at all, also after a crash.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/base/bytes.h"
#include "broker/storage/keyspace.h"
#include "broker/storage/row_block.h"

namespace belay::storage {

inline constexpr std::uint64_t kStoreFormat = 3;

inline constexpr char kDataFamily[] = "data";
inline constexpr char kHistoryFamily[] = "history";
inline constexpr char kSystemFamily[] = "system";
inline constexpr char kExpiryFamily[] = "expiry";
inline constexpr std::string_view kKeyspaceFamilyPrefix = "ks.";

inline constexpr char kFormatKey[] = "format";
inline constexpr char kOldestKey[] = "oldest";
inline constexpr char kEpochKey[] = "epoch";

inline std::string HistoryKey(Revision revision) {
  std::string key;
  base::AppendBig64(key, revision);
  return key;
}

inline std::optional<Revision> DecodeHistoryKey(std::string_view key) noexcept {
  if (key.size() != sizeof(Revision)) return std::nullopt;
  return base::LoadBig64(key.data());
}

// A commit as the history has it.
struct HistoryEntry {
  KeyspaceId keyspace = 0;
  std::string_view rows;
};

inline constexpr std::size_t kHistoryPrefixBytes = sizeof(KeyspaceId);

inline std::optional<HistoryEntry> DecodeHistoryEntry(std::string_view value) noexcept {
  if (value.size() < kHistoryPrefixBytes) return std::nullopt;
  return HistoryEntry{base::LoadLittle<std::uint32_t>(value.data()),
                      value.substr(kHistoryPrefixBytes)};
}

struct ExpiryEntry {
  std::int64_t at_ms = 0;
  KeyspaceId keyspace = 0;
  std::string_view key;
};

inline std::string EncodeExpiryKey(const ExpiryEntry& entry) {
  std::string bytes;
  base::AppendBig64(bytes, static_cast<std::uint64_t>(entry.at_ms));
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(entry.keyspace >> shift));
  }
  bytes.append(entry.key);
  return bytes;
}

inline std::optional<ExpiryEntry> DecodeExpiryKey(std::string_view bytes) noexcept {
  constexpr std::size_t kPrefixBytes = sizeof(std::uint64_t) + sizeof(KeyspaceId);
  if (bytes.size() <= kPrefixBytes) return std::nullopt;
  ExpiryEntry entry;
  entry.at_ms = static_cast<std::int64_t>(base::LoadBig64(bytes.data()));
  for (std::size_t i = sizeof(std::uint64_t); i < kPrefixBytes; ++i) {
    entry.keyspace = entry.keyspace << 8 | static_cast<unsigned char>(bytes[i]);
  }
  entry.key = bytes.substr(kPrefixBytes);
  return entry;
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
