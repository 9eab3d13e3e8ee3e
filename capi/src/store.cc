// The store: handles to it, reading by key.
#include <algorithm>
#include <vector>

#include "capi/src/store_border.h"

using belay::base::Code;
using belay::base::Status;
using belay::engine::Broker;
using belay::engine::StoreView;
using namespace belay::capi;
namespace storage = belay::storage;

namespace {

Status CheckClientName(std::string_view name) {
  if (name != storage::kSystemKeyspaceName) return {};
  return Status(Code::kPermissionDenied, "keyspace \"system\" is the broker's own",
                "SYSTEM_KEYSPACE");
}

}  // namespace

extern "C" {

belay_status belay_store_open(belay_handle broker, belay_handle* store) {
  return Guarded([&] {
    if (store == nullptr) return InvalidArgument("store is null");
    auto found = Broker::Find(broker);
    if (!found.ok()) return Fail(found.status());
    return HandOut((*found)->OpenStore(), store);
  });
}

belay_status belay_keyspace_open(belay_handle store, const char* name, uint32_t flags,
                                 belay_handle* keyspace) {
  return With(FindView, store, [&](StoreView& view) {
    if (name == nullptr) return InvalidArgument("name is null");
    if (keyspace == nullptr) return InvalidArgument("keyspace is null");
    if ((flags & ~BELAY_KEYSPACE_CREATE) != 0) return InvalidArgument("flags has unknown bits");
    if (Status status = CheckClientName(name); !status.ok()) return Fail(status);
    if (Status status = storage::ValidateKeyspaceName(name); !status.ok()) return Fail(status);
    const auto if_missing =
        flags != 0 ? belay::engine::IfMissing::kCreate : belay::engine::IfMissing::kFail;
    return HandOut(view.broker()->OpenStore(name, if_missing), keyspace);
  });
}

belay_status belay_keyspace_drop(belay_handle store, const char* name) {
  return With(FindView, store, [&](StoreView& view) {
    if (name == nullptr) return InvalidArgument("name is null");
    return Done(view.broker()->DropKeyspace(name));
  });
}

belay_status belay_keyspace_list(belay_handle store, belay_keyspace_info* infos, uint64_t capacity,
                                 uint64_t* count) {
  return With(FindView, store, [&](StoreView& view) {
    return FillArray(view.store().ListKeyspaces(), infos, capacity, count, [](const auto& found) {
      belay_keyspace_info info{};
      info.id = found.id;
      CopyText(found.name, info.name);
      return info;
    });
  });
}

belay_status belay_store_snapshot(belay_handle store, belay_handle* snapshot) {
  return With(FindView, store, [&](StoreView& view) {
    if (snapshot == nullptr) return InvalidArgument("snapshot is null");
    return HandOut(view.broker()->OpenSnapshot(view), snapshot);
  });
}

belay_status belay_store_revision(belay_handle store, uint64_t* current, uint64_t* oldest) {
  return With(FindView, store, [&](StoreView& view) {
    if (current != nullptr) {
      *current =
          view.is_snapshot() ? view.read().snapshot->revision() : view.store().CurrentRevision();
    }
    if (oldest != nullptr) *oldest = view.store().OldestRevision();
    return BELAY_OK;
  });
}

belay_status belay_store_get(belay_handle store, const void* key, uint64_t key_size, void* buffer,
                             uint64_t capacity, uint64_t* value_size, uint64_t* revision) {
  return With(FindView, store, [&](StoreView& view) {
    std::string_view wanted;
    if (Status status = ReadKeyArgument(key, key_size, &wanted); !status.ok()) return Fail(status);
    if (value_size == nullptr) return InvalidArgument("value_size is null");
    if (buffer == nullptr && capacity != 0)
      return InvalidArgument("buffer is null with a capacity");
    const Status status =
        view.store().Read(view.read(), wanted, [&](const storage::RecordView& record) {
          *value_size = record.value.size();
          if (record.value.size() > capacity) return;
          if (!record.value.empty()) std::memcpy(buffer, record.value.data(), record.value.size());
          if (revision != nullptr) *revision = record.mod_revision;
        });
    if (!status.ok()) return Fail(status);
    if (*value_size <= capacity) return BELAY_OK;
    return Fail(Code::kBufferTooSmall, "the value has " + std::to_string(*value_size) +
                                           " bytes, the buffer " + std::to_string(capacity));
  });
}

belay_status belay_store_key_info(belay_handle store, const void* key, uint64_t key_size,
                                  belay_key_info* info) {
  return With(FindView, store, [&](StoreView& view) {
    std::string_view wanted;
    if (Status status = ReadKeyArgument(key, key_size, &wanted); !status.ok()) return Fail(status);
    if (info == nullptr || info->struct_size < sizeof(belay_key_info))
      return InvalidArgument("info is null, or its struct_size too small");
    belay_key_info found{};
    const Status status =
        view.store().Read(view.read(), wanted, [&](const storage::RecordView& record) {
          found.value_size = record.value.size();
          found.create_revision = record.create_revision;
          found.mod_revision = record.mod_revision;
          found.version = record.version;
          found.expires_at_ms = record.expires_at_ms;
        });
    if (!status.ok()) return Fail(status);
    Store(found, info, info->struct_size);
    return BELAY_OK;
  });
}

belay_status belay_store_get_many(belay_handle store, const belay_bytes* keys, uint64_t count,
                                  void* buffer, uint64_t capacity, uint64_t* size) {
  return With(FindView, store, [&](StoreView& view) {
    if (keys == nullptr && count != 0) return InvalidArgument("keys is null with a count");
    if (size == nullptr) return InvalidArgument("size is null");
    if (buffer == nullptr && capacity != 0)
      return InvalidArgument("buffer is null with a capacity");
    if (count > storage::kMaxReadKeys)
      return InvalidArgument("count is beyond 10,000, the bound max_read_keys");
    std::vector<std::string_view> wanted(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      Status status = ReadKeyArgument(keys[i].data, keys[i].size, &wanted[i]);
      if (!status.ok()) return Fail(status);
    }
    storage::RowBlockBuilder rows;
    const Status status = view.store().ReadMany(
        view.read(), wanted, [&](std::size_t i, const storage::RecordView* record) {
          if (record == nullptr) return;
          rows.Append({record->mod_revision, storage::RowKind::kPut, wanted[i], record->value});
        });
    if (!status.ok()) return Fail(status);
    const std::string block = rows.Take();
    *size = block.size();
    if (block.size() > capacity) {
      return Fail(Code::kBufferTooSmall, "the rows need a block of " + std::to_string(*size) +
                                             " bytes, not " + std::to_string(capacity));
    }
    std::memcpy(buffer, block.data(), block.size());
    return BELAY_OK;
  });
}
}
