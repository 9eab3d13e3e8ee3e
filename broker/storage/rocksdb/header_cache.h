// What the committer knows of keys without asking RocksDB: whether they exist, and their record's
// header. A write must know this of each key, and asking costs as much as writing does (a search in
// the memtable and in every file of level 0), while what is written often is mostly written again.
//
// Two entries share a place, the newer one taking that of the older; keys longer than an entry has
// room for are not kept. Memory is touched as it is used.
//
// Invariant: what Find() returns is what the database says, because every write passes by here: the
// committer tells of each key after it is written, and clears all when it does not know.
//
// Thread safety: none; the leader of a group alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <string_view>

#include "broker/storage/keyspace.h"
#include "broker/storage/rocksdb/record.h"

namespace belay::storage {

class HeaderCache {
 public:
  struct KeyHeader {
    bool exists = false;
    RecordHeader header;  // if it exists
  };

  // A capacity of 0 keeps nothing. Without memory for it: neither.
  explicit HeaderCache(std::size_t capacity_bytes)
      : pair_count_(capacity_bytes / sizeof(Pair)),
        pairs_(static_cast<Pair*>(std::calloc(pair_count_, sizeof(Pair)))) {
    if (pairs_ == nullptr) pair_count_ = 0;
  }

  // Null: not known. Valid until the next Note() or Clear().
  const KeyHeader* Find(KeyspaceId keyspace, std::string_view key) const noexcept {
    if (pair_count_ == 0) return nullptr;
    for (const Entry& entry : PairOf(keyspace, key).entries) {
      if (entry.Is(keyspace, key)) return &entry.state;
    }
    return nullptr;
  }

  void Note(KeyspaceId keyspace, std::string_view key, const KeyHeader& state) noexcept {
    if (pair_count_ == 0 || key.size() > kMaxKeyBytesKept) return;
    Pair& pair = PairOf(keyspace, key);
    Entry& newer = pair.entries[0];
    Entry& older = pair.entries[1];
    if (!newer.Is(keyspace, key)) {
      if (older.Is(keyspace, key)) {
        older.state = state;
        return;
      }
      older = newer;
      newer.keyspace = keyspace;
      newer.key_bytes = static_cast<std::uint32_t>(key.size());
      std::memcpy(newer.key, key.data(), key.size());
    }
    newer.state = state;
  }

  void Clear() noexcept {
    for (std::size_t i = 0; i < pair_count_; ++i) pairs_[i] = Pair();
  }

 private:
  static constexpr std::size_t kMaxKeyBytesKept = 80;

  struct Entry {
    std::uint32_t keyspace = 0;  // 0: none
    std::uint32_t key_bytes = 0;
    KeyHeader state;
    char key[kMaxKeyBytesKept];

    bool Is(KeyspaceId its_keyspace, std::string_view its_key) const noexcept {
      return keyspace == its_keyspace && key_bytes == its_key.size() &&
             std::memcmp(key, its_key.data(), its_key.size()) == 0;
    }
  };
  struct Pair {
    Entry entries[2] = {};
  };
  struct Free {
    void operator()(Pair* pairs) const noexcept { std::free(pairs); }
  };

  Pair& PairOf(KeyspaceId keyspace, std::string_view key) const noexcept {
    const std::size_t hash = std::hash<std::string_view>()(key) + keyspace * 0x9e3779b97f4a7c15U;
    return pairs_[hash % pair_count_];
  }

  std::size_t pair_count_;
  std::unique_ptr<Pair[], Free> pairs_;
};

}  // namespace belay::storage
