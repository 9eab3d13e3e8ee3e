#include "broker/storage/rocksdb/key_states.h"

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "broker/storage/rocksdb/errors.h"
#include "broker/storage/rocksdb/record.h"
#include "rocksdb/db.h"

namespace belay::storage {

using base::Status;

namespace {

// Of one MultiGet; what they pin beyond the bound of bytes is left to be read one by one.
constexpr std::size_t kMaxKeysAtOnce = 256;
constexpr std::uint64_t kMaxBytesAtOnce = std::uint64_t{8} << 20;

}  // namespace

Status KeyStates::LookupAll(const WriteBatch& batch, rocksdb::ColumnFamilyHandle* family,
                            Want want) {
  std::vector<States::iterator> wanted;
  for (const Operation& operation : batch.operations) {
    if (operation.kind == OperationKind::kDeleteRange) continue;
    const auto [it, inserted] = states_.try_emplace({batch.keyspace, operation.key});
    if (inserted && !Know(it, want)) wanted.push_back(it);
  }
  for (std::span<const States::iterator> left = wanted; !left.empty();) {
    const auto some = left.first(std::min(left.size(), kMaxKeysAtOnce));
    left = left.subspan(some.size());
    if (Status status = ReadMany(some, family, want); !status.ok()) {
      for (const auto& it : left) states_.erase(it);
      return status;
    }
  }
  return {};
}

Status KeyStates::ReadMany(std::span<const States::iterator> wanted,
                           rocksdb::ColumnFamilyHandle* family, Want want) {
  std::vector<rocksdb::Slice> keys;
  keys.reserve(wanted.size());
  for (const auto& it : wanted) keys.push_back(ToSlice(it->first.bytes));
  std::vector<rocksdb::PinnableSlice> values(wanted.size());
  std::vector<rocksdb::Status> statuses(wanted.size());
  rocksdb::ReadOptions read;
  read.value_size_soft_limit = kMaxBytesAtOnce;
  engine_.db().MultiGet(read, family, wanted.size(), keys.data(), values.data(), statuses.data());
  Status failed;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const States::iterator it = wanted[i];
    Status status;
    // Aborted: beyond the bound of bytes.
    if (failed.ok() && !statuses[i].IsAborted())
      status = Take(statuses[i], values[i], it->first.bytes, want, &it->second);
    if (failed.ok() && status.ok() && !statuses[i].IsAborted()) continue;
    if (failed.ok()) failed = std::move(status);
    states_.erase(it);
  }
  return failed;
}

base::Result<KeyState*> KeyStates::Lookup(const StagedKey& key, rocksdb::ColumnFamilyHandle* family,
                                          Want want) {
  const auto [it, inserted] = states_.try_emplace(key);
  KeyState* const state = &it->second;
  const bool is_enough = want == Want::kHeader || !state->exists || state->knows_value;
  if (inserted ? Know(it, want) : is_enough) return state;
  rocksdb::PinnableSlice bytes;
  const rocksdb::Status read =
      engine_.db().Get(rocksdb::ReadOptions(), family, ToSlice(key.bytes), &bytes);
  if (Status status = Take(read, bytes, key.bytes, want, state); !status.ok()) {
    states_.erase(it);
    return status;
  }
  return state;
}

bool KeyStates::Know(const States::iterator& it, Want want) const {
  const auto* const known = cache_.Find(it->first.keyspace, it->first.bytes);
  if (known == nullptr) return false;
  static_cast<HeaderCache::KeyHeader&>(it->second) = *known;
  return want == Want::kHeader || !known->exists;
}

// What the group has changed itself has its value here, so the database is right about the others.
Status KeyStates::Take(const rocksdb::Status& status, const rocksdb::Slice& bytes,
                       std::string_view key, Want want, KeyState* state) {
  state->exists = false;
  if (status.IsNotFound()) return {};
  if (!status.ok()) return FromRocks(status, "reading key " + QuoteKey(key));
  const std::optional<RecordView> record = DecodeRecord(ToView(bytes));
  if (!record) return Corrupt("key " + QuoteKey(key) + ": its record is too short");
  state->exists = true;
  state->header = {record->create_revision, record->mod_revision, record->version,
                   record->expires_at_ms};
  if (want == Want::kValue) {
    state->read_value = record->value;
    state->value = state->read_value;
    state->knows_value = true;
  }
  return {};
}

void KeyStates::NoteIn(HeaderCache& cache) const noexcept {
  for (const auto& [key, state] : states_) cache.Note(key.keyspace, key.bytes, state);
}

}  // namespace belay::storage
