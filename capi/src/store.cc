// The store: keys, scans, watches.
#include "broker/engine/broker.h"
#include "broker/engine/cursor.h"
#include "broker/storage/row_block.h"
#include "capi/src/guard.h"

using belay::base::Code;
using belay::base::Result;
using belay::engine::Broker;
using belay::engine::Cursor;
using belay::registry::Kind;
using belay::registry::Registry;
using namespace belay::capi;
namespace storage = belay::storage;

namespace {

// The broker whose store `handle` is; keeps it open meanwhile.
Result<std::shared_ptr<Broker>> FindBroker(belay_handle handle) {
  auto found = Registry::Find(handle, Kind::kStore);
  if (!found.ok()) return found.status();
  auto broker = std::static_pointer_cast<Broker>((*found)->registry().attachment());
  if (broker == nullptr) return belay::base::Status(Code::kClosed, "the broker is closed");
  return broker;
}

// The store itself; keeps its broker open meanwhile.
Result<std::shared_ptr<storage::Store>> FindStore(belay_handle handle) {
  auto broker = FindBroker(handle);
  if (!broker.ok()) return broker.status();
  storage::Store* const store = *(*broker)->store();  // without one there would be no handle to it
  return std::shared_ptr<storage::Store>(std::move(*broker), store);
}

// Commits one operation made from the ABI's arguments.
belay_status CommitOne(belay_handle handle, storage::Operation operation,
                       const belay_write_options* options, uint64_t* revision) {
  belay_write_options given{};
  if (options != nullptr && !Load(options, offsetof(belay_write_options, if_revision), &given)) {
    return InvalidArgument("options->struct_size is too small");
  }
  constexpr std::uint32_t kKnown =
      BELAY_WRITE_ASYNC | BELAY_WRITE_IF_ABSENT | BELAY_WRITE_IF_REVISION;
  constexpr std::uint32_t kConditions = BELAY_WRITE_IF_ABSENT | BELAY_WRITE_IF_REVISION;
  if ((given.flags & ~kKnown) != 0) return InvalidArgument("options->flags has unknown bits");
  if ((given.flags & kConditions) == kConditions)
    return InvalidArgument("IF_ABSENT and IF_REVISION exclude each other");
  auto store = FindStore(handle);
  if (!store.ok()) return Fail(store.status());

  if ((given.flags & BELAY_WRITE_IF_ABSENT) != 0)
    operation.precondition = storage::Precondition::kAbsent;
  if ((given.flags & BELAY_WRITE_IF_REVISION) != 0) {
    operation.precondition = storage::Precondition::kRevision;
    operation.if_revision = given.if_revision;
  }
  const bool is_delete = operation.kind == storage::OperationKind::kDelete;
  storage::WriteBatch batch;
  batch.durability = (given.flags & BELAY_WRITE_ASYNC) != 0 ? storage::Durability::kAsync
                                                            : storage::Durability::kSync;
  batch.operations.push_back(std::move(operation));
  auto committed = (*store)->Commit(batch);
  if (!committed.ok()) return Fail(committed.status());
  if (is_delete && committed->deleted_count == 0) {
    return Fail(Code::kNotFound, "no key " + storage::QuoteKey(batch.operations[0].key));
  }
  if (revision != nullptr) *revision = committed->revision;
  return BELAY_OK;
}

}  // namespace

extern "C" {

belay_status belay_store_open(belay_handle broker, belay_handle* store) {
  return Guarded([&] {
    if (store == nullptr) return InvalidArgument("store is null");
    auto found = Broker::Find(broker);
    if (!found.ok()) return Fail(found.status());
    auto opened = (*found)->OpenStore();
    if (!opened.ok()) return Fail(opened.status());
    *store = *opened;
    return BELAY_OK;
  });
}

belay_status belay_store_get(belay_handle store, const void* key, uint64_t key_size, void* buffer,
                             uint64_t capacity, uint64_t* value_size, uint64_t* revision) {
  return Guarded([&] {
    std::string_view wanted;
    if (!View(key, key_size, &wanted))
      return InvalidArgument("key is null with a size, or key_size is too large");
    // Nothing of a key that is too long is read, not even for the message.
    if (wanted.size() > storage::kMaxKeyBytes) return InvalidArgument("key_size is beyond 64 KiB");
    if (value_size == nullptr) return InvalidArgument("value_size is null");
    if (buffer == nullptr && capacity != 0)
      return InvalidArgument("buffer is null with a capacity");
    auto found = FindStore(store);
    if (!found.ok()) return Fail(found.status());
    auto record = (*found)->Get(wanted);
    if (!record.ok()) return Fail(record.status());
    *value_size = record->value.size();
    if (record->value.size() > capacity) {
      return Fail(Code::kBufferTooSmall, "the value has " + std::to_string(record->value.size()) +
                                             " bytes, the buffer " + std::to_string(capacity));
    }
    if (!record->value.empty()) std::memcpy(buffer, record->value.data(), record->value.size());
    if (revision != nullptr) *revision = record->mod_revision;
    return BELAY_OK;
  });
}

belay_status belay_store_put(belay_handle store, const void* key, uint64_t key_size,
                             const void* value, uint64_t value_size,
                             const belay_write_options* options, uint64_t* revision) {
  return Guarded([&] {
    std::string_view new_key;
    std::string_view new_value;
    if (!View(key, key_size, &new_key))
      return InvalidArgument("key is null with a size, or key_size is too large");
    if (!View(value, value_size, &new_value))
      return InvalidArgument("value is null with a size, or value_size is too large");
    if (new_key.size() > storage::kMaxKeyBytes || new_value.size() > storage::kMaxValueBytes) {
      // Checked before the copy: a huge size is refused, not allocated.
      return InvalidArgument("key_size is beyond 64 KiB or value_size beyond 64 MiB");
    }
    return CommitOne(store,
                     {storage::OperationKind::kPut, std::string(new_key), std::string(new_value)},
                     options, revision);
  });
}

belay_status belay_store_delete(belay_handle store, const void* key, uint64_t key_size,
                                const belay_write_options* options, uint64_t* revision) {
  return Guarded([&] {
    std::string_view old_key;
    if (!View(key, key_size, &old_key))
      return InvalidArgument("key is null with a size, or key_size is too large");
    if (old_key.size() > storage::kMaxKeyBytes) return InvalidArgument("key_size is beyond 64 KiB");
    return CommitOne(store, {storage::OperationKind::kDelete, std::string(old_key), {}}, options,
                     revision);
  });
}

belay_status belay_store_scan(belay_handle store, const belay_scan_options* options,
                              belay_handle* cursor) {
  return Guarded([&] {
    if (cursor == nullptr) return InvalidArgument("cursor is null");
    belay_scan_options given{};
    if (options != nullptr && !Load(options, sizeof(std::uint32_t) * 2, &given))
      return InvalidArgument("options->struct_size is too small");
    if ((given.flags & ~(BELAY_SCAN_REVERSE | BELAY_SCAN_KEYS_ONLY)) != 0)
      return InvalidArgument("options->flags has unknown bits");
    std::string_view start;
    std::string_view end;
    std::string_view prefix;
    if (!View(given.start, given.start_size, &start) || !View(given.end, given.end_size, &end) ||
        !View(given.prefix, given.prefix_size, &prefix)) {
      return InvalidArgument("start, end or prefix is null with a size");
    }
    if (std::max({start.size(), end.size(), prefix.size()}) > storage::kMaxKeyBytes) {
      return InvalidArgument("start, end or prefix is longer than any key (64 KiB)");
    }
    if (!prefix.empty() && (!start.empty() || !end.empty()))
      return InvalidArgument("prefix excludes start and end");
    auto broker = FindBroker(store);
    if (!broker.ok()) return Fail(broker.status());

    belay::engine::CursorOptions wish;
    wish.scan.start = prefix.empty() ? start : prefix;
    wish.scan.end = prefix.empty() ? std::string(end) : storage::PrefixEnd(prefix);
    wish.scan.reverse = (given.flags & BELAY_SCAN_REVERSE) != 0;
    wish.scan.keys_only = (given.flags & BELAY_SCAN_KEYS_ONLY) != 0;
    wish.scan.limit = given.limit;
    wish.filter = given.filter;
    auto opened = Cursor::Open(*broker, wish);
    if (!opened.ok()) return Fail(opened.status());
    auto handle =
        (*broker)->registry().Insert(belay::registry::Ref<belay::registry::Object>(opened->get()));
    if (!handle.ok()) return Fail(handle.status());
    *cursor = *handle;
    return BELAY_OK;
  });
}

belay_status belay_cursor_next(belay_handle cursor, void* buffer, uint64_t capacity,
                               uint64_t* size) {
  return Guarded([&] {
    if (size == nullptr) return InvalidArgument("size is null");
    if (buffer == nullptr && capacity != 0)
      return InvalidArgument("buffer is null with a capacity");
    auto found = Registry::Find(cursor, Kind::kCursor);
    if (!found.ok()) return Fail(found.status());
    constexpr std::uint64_t kMostAtOnce = std::uint64_t{1} << 30U;
    std::size_t needed = 0;
    auto block = static_cast<Cursor&>(**found).Next(
        static_cast<std::size_t>(std::min(capacity, kMostAtOnce)), &needed);
    if (block.code() == Code::kEnd) return BELAY_END;
    if (block.code() == Code::kBufferTooSmall) *size = needed;
    if (!block.ok()) return Fail(block.status());
    std::memcpy(buffer, block->data(), block->size());
    *size = block->size();
    return BELAY_OK;
  });
}

belay_status belay_rows_next(const void* block, uint64_t size, uint64_t* position, belay_row* row) {
  return Guarded([&] {
    std::string_view bytes;
    if (!View(block, size, &bytes)) return InvalidArgument("block is null with a size");
    if (position == nullptr) return InvalidArgument("position is null");
    if (row == nullptr || row->struct_size < sizeof(belay_row))
      return InvalidArgument("row is null, or its struct_size too small");
    auto reader = storage::RowBlockReader::Resume(bytes, *position);
    if (!reader.ok()) return Fail(reader.status());
    storage::Row found;
    const auto status = reader->Next(&found);
    if (status.code() == Code::kEnd) return BELAY_END;  // not an error: the last error stays
    if (!status.ok()) return Fail(status);
    *position = reader->position();
    belay_row filled{};
    filled.kind = static_cast<std::uint32_t>(found.kind);
    filled.revision = found.revision;
    filled.key = found.key.data();
    filled.key_size = found.key.size();
    filled.value = found.value.data();
    filled.value_size = found.value.size();
    Store(filled, row, row->struct_size);
    return BELAY_OK;
  });
}

belay_status belay_watch_attach(belay_handle store, const belay_watch_options* options,
                                belay_handle* subscription) {
  return Guarded([&] {
    belay_watch_options given{};
    if (subscription == nullptr) return InvalidArgument("subscription is null");
    if (!Load(options, sizeof(belay_watch_options), &given))
      return InvalidArgument("options is null, or its struct_size too small");
    if (given.flags != 0) return InvalidArgument("options->flags must be 0");
    std::string_view prefix;
    if (!View(given.prefix, given.prefix_size, &prefix))
      return InvalidArgument("prefix is null with a size");
    if (prefix.size() > storage::kMaxKeyBytes)
      return InvalidArgument("prefix is longer than any key (64 KiB)");
    auto broker = FindBroker(store);
    if (!broker.ok()) return Fail(broker.status());
    belay::engine::WatchOptions wish;
    wish.prefix = prefix;
    wish.from_revision = given.from_revision;
    wish.callback = given.callback;
    auto attached = (*broker)->AttachWatch(wish);
    if (!attached.ok()) return Fail(attached.status());
    *subscription = *attached;
    return BELAY_OK;
  });
}

belay_status belay_watch_detach(belay_handle subscription) {
  return Guarded([&] {
    auto found = Registry::Find(subscription, Kind::kSubscription);
    if (!found.ok()) return Fail(found.status());
    return Done(Registry::Release(subscription));
  });
}
}
