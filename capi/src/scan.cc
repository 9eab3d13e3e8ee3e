// The store: scans.
#include <algorithm>

#include "broker/engine/cursor.h"
#include "capi/src/store_border.h"

using belay::base::Code;
using belay::base::Status;
using belay::engine::Cursor;
using belay::engine::StoreView;
using belay::registry::Kind;
using belay::registry::Object;
using belay::registry::Ref;
using belay::registry::Registry;
using namespace belay::capi;
namespace storage = belay::storage;

extern "C" {

belay_status belay_store_scan(belay_handle store, const belay_scan_options* options,
                              belay_handle* cursor) {
  return With(FindView, store, [&](StoreView& view) {
    if (cursor == nullptr) return InvalidArgument("cursor is null");
    belay_scan_options given{};
    if (options != nullptr && !Load(options, sizeof(std::uint32_t) * 2, &given))
      return InvalidArgument("options->struct_size is too small");
    if ((given.flags & ~(BELAY_SCAN_REVERSE | BELAY_SCAN_KEYS_ONLY)) != 0)
      return InvalidArgument("options->flags has unknown bits");
    KeyRange range;
    const Status status = ReadRangeOrPrefix(given, &range);
    if (!status.ok()) return Fail(status);
    belay::engine::CursorOptions wish;
    wish.scan.start = std::move(range.start);
    wish.scan.end = std::move(range.end);
    wish.scan.reverse = (given.flags & BELAY_SCAN_REVERSE) != 0;
    wish.scan.keys_only = (given.flags & BELAY_SCAN_KEYS_ONLY) != 0;
    wish.scan.limit = given.limit;
    wish.scan.read = view.read();
    wish.filter = given.filter;
    wish.projection = given.projection;
    auto opened = Cursor::Open(view.broker(), wish);
    if (!opened.ok()) return Fail(opened.status());
    return HandOut(view.broker()->registry().Insert(Ref<Object>(opened->get())), cursor);
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
    std::size_t written = 0;
    const Status status = static_cast<Cursor&>(**found).NextInto(
        {static_cast<char*>(buffer), static_cast<std::size_t>(std::min(capacity, kMostAtOnce))},
        &written);
    if (status.code() == Code::kEnd) return BELAY_END;
    if (status.ok() || status.code() == Code::kBufferTooSmall) *size = written;
    return Done(status);
  });
}

belay_status belay_store_count(belay_handle store, const void* start, uint64_t start_size,
                               const void* end, uint64_t end_size, uint64_t* count) {
  return With(FindView, store, [&](StoreView& view) {
    if (count == nullptr) return InvalidArgument("count is null");
    RangeArgument range;
    const Status status = ReadRangeArgument(start, start_size, end, end_size, &range);
    if (!status.ok()) return Fail(status);
    storage::ScanOptions wish;
    wish.start = range.start;
    wish.end = range.end;
    wish.read = view.read();
    auto counted = storage::CountKeys(view.store(), wish);
    if (!counted.ok()) return Fail(counted.status());
    *count = *counted;
    return BELAY_OK;
  });
}

belay_status belay_store_estimate(belay_handle store, const void* start, uint64_t start_size,
                                  const void* end, uint64_t end_size, uint64_t* keys,
                                  uint64_t* size_bytes) {
  return With(FindView, store, [&](StoreView& view) {
    RangeArgument range;
    const Status status = ReadRangeArgument(start, start_size, end, end_size, &range);
    if (!status.ok()) return Fail(status);
    auto size = view.store().EstimateSize(view.keyspace(), range.start, range.end);
    if (!size.ok()) return Fail(size.status());
    if (keys != nullptr) *keys = size->keys;
    if (size_bytes != nullptr) *size_bytes = size->bytes;
    return BELAY_OK;
  });
}
}
