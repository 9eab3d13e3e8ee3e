// What a group that is being staged knows of its keys: how the database has them, then how the batches staged so
// far will leave them.
//
// Invariant: a state that is known is that of the database plus the group's own changes. One that could not be read
// is forgotten, so that the next who asks reads for himself.
//
// Thread safety: for one thread at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "broker/base/status.h"
#include "broker/storage/rocksdb/engine.h"
#include "broker/storage/rocksdb/header_cache.h"
#include "broker/storage/write_batch.h"

namespace rocksdb {
class ColumnFamilyHandle;
class Slice;
class Status;
}  // namespace rocksdb

namespace belay::storage {

struct StagedKey {
  KeyspaceId keyspace;
  std::string_view bytes;
  bool operator==(const StagedKey&) const = default;
};

struct KeyState : HeaderCache::KeyHeader {
  bool knows_value = false;
  std::string_view value;  // if it exists, and is known: of a batch, or:
  std::string read_value;
};

class KeyStates {
 public:
  // What is wanted of a key.
  enum class Want { kHeader, kValue };

  // Both outlive it.
  KeyStates(const Engine& engine, const HeaderCache& cache) : engine_(engine), cache_(cache) {}

  // Reads at once what Lookup() would read one by one of a batch with many keys; `values`: with the values of all.
  // Keys point into the batch, which outlives this object.
  base::Status LookupAll(const WriteBatch& batch, rocksdb::ColumnFamilyHandle* family, Want want);
  // Valid as long as this object. The key's bytes outlive it.
  base::Result<KeyState*> Lookup(const StagedKey& key, rocksdb::ColumnFamilyHandle* family,
                                 Want want);
  // Of a key whose record the caller has read.
  KeyState& At(const StagedKey& key) { return states_[key]; }

  // Tells the cache what is so once the group is written.
  void NoteIn(HeaderCache& cache) const noexcept;

 private:
  struct Hash {
    std::size_t operator()(const StagedKey& key) const noexcept {
      return std::hash<std::string_view>()(key.bytes) + key.keyspace;
    }
  };
  using States = std::unordered_map<StagedKey, KeyState, Hash>;  // moves no elements

  // False if the database must be asked.
  bool Know(const States::iterator& it, Want want) const;
  base::Status ReadMany(std::span<const States::iterator> wanted,
                        rocksdb::ColumnFamilyHandle* family, Want want);
  static base::Status Take(const rocksdb::Status& status, const rocksdb::Slice& bytes,
                           std::string_view key, Want want, KeyState* state);

  const Engine& engine_;
  const HeaderCache& cache_;
  States states_;
};

}  // namespace belay::storage
