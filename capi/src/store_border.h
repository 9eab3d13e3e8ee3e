// What the functions of the store share: finding it, and reading the arguments they have in common.
//
// Thread safety: any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "broker/engine/broker.h"
#include "broker/engine/store_view.h"
#include "broker/storage/store.h"
#include "capi/src/guard.h"

namespace belay::capi {

using ViewRef = registry::Ref<engine::StoreView>;

inline base::Result<ViewRef> FindView(belay_handle store) {
  auto found = registry::Registry::Find(store, registry::Kind::kStore);
  if (!found.ok()) return found.status();
  return ViewRef::Adopt(static_cast<engine::StoreView*>(found->Release()));
}

// One that may be written.
inline base::Result<ViewRef> FindWritable(belay_handle store) {
  auto view = FindView(store);
  if (view.ok() && (*view)->is_snapshot()) {
    return base::Status(base::Code::kFailedPrecondition,
                        "this handle shows a snapshot: write through one of the store itself",
                        "SNAPSHOT");
  }
  return view;
}

// Calls `work(view)` with what `find(store)` finds.
template <typename Find, typename Work>
belay_status With(Find find, belay_handle store, Work work) {
  return Guarded([&] {
    auto view = find(store);
    if (!view.ok()) return Fail(view.status());
    return work(**view);
  });
}

// A key that may be read or written. Nothing of one that is too long is touched, not even for the
// message.
inline base::Status ReadKeyArgument(const void* key, std::uint64_t size, std::string_view* bytes) {
  if (!View(key, size, bytes)) {
    return base::Status(base::Code::kInvalidArgument,
                        "key is null with a size, or key_size is too large");
  }
  if (bytes->size() <= storage::kMaxKeyBytes) return {};
  return base::Status(base::Code::kInvalidArgument,
                      "key_size is " + std::to_string(size) + ", the bound max_key_bytes is " +
                          std::to_string(storage::kMaxKeyBytes),
                      "LIMIT_EXCEEDED");
}

struct RangeArgument {
  std::string_view start;
  std::string_view end;
};

inline base::Status ReadRangeArgument(const void* start, std::uint64_t start_size, const void* end,
                                      std::uint64_t end_size, RangeArgument* range) {
  if (!View(start, start_size, &range->start) || !View(end, end_size, &range->end)) {
    return base::Status(base::Code::kInvalidArgument, "start or end is null with a size");
  }
  if (std::max(range->start.size(), range->end.size()) <= storage::kMaxKeyBytes) return {};
  return base::Status(base::Code::kInvalidArgument, "start or end is longer than any key (64 KiB)",
                      "LIMIT_EXCEEDED");
}

// The range that options with a prefix and a range say. The strings are copies.
struct KeyRange {
  std::string start;
  std::string end;
};
template <typename Options>
base::Status ReadRangeOrPrefix(const Options& given, KeyRange* range) {
  RangeArgument bounds;
  base::Status status =
      ReadRangeArgument(given.start, given.start_size, given.end, given.end_size, &bounds);
  if (!status.ok()) return status;
  RangeArgument prefix;
  status = ReadRangeArgument(given.prefix, given.prefix_size, nullptr, 0, &prefix);
  if (!status.ok()) return status;
  if (prefix.start.empty()) {
    *range = {std::string(bounds.start), std::string(bounds.end)};
    return {};
  }
  if (!bounds.start.empty() || !bounds.end.empty())
    return base::Status(base::Code::kInvalidArgument, "prefix excludes start and end");
  *range = {std::string(prefix.start), storage::PrefixEnd(prefix.start)};
  return {};
}

// Gives the caller a handle that was made, or says why there is none.
inline belay_status HandOut(const base::Result<registry::Handle>& made, belay_handle* out) {
  if (!made.ok()) return Fail(made.status());
  *out = *made;
  return BELAY_OK;
}

// Fills the caller's array with `convert(one)` for each of `found`, as many as there is room for.
template <typename Item, typename Found, typename Convert>
belay_status FillArray(const Found& found, Item* items, std::uint64_t capacity,
                       std::uint64_t* count, Convert convert) {
  if (count == nullptr) return InvalidArgument("count is null");
  if (capacity != 0 && (items == nullptr || items->struct_size < sizeof(Item)))
    return InvalidArgument("the array is null, or struct_size of its first element too small");
  auto* target = reinterpret_cast<char*>(items);
  const std::uint32_t stride = capacity != 0 ? items->struct_size : 0;
  for (std::size_t i = 0; i < found.size() && i < capacity; ++i, target += stride)
    Store(convert(found[i]), target, stride);
  *count = found.size();
  return BELAY_OK;
}

}  // namespace belay::capi
