// The store: what operators ask for.
#include "capi/src/store_border.h"

using belay::base::Status;
using belay::engine::StoreView;
using namespace belay::capi;
namespace storage = belay::storage;

extern "C" {

belay_status belay_store_health(belay_handle store) {
  return With(FindView, store, [](StoreView& view) { return Done(view.store().Health()); });
}

belay_status belay_store_recover(belay_handle store) {
  return With(FindView, store, [](StoreView& view) { return Done(view.store().Recover()); });
}

belay_status belay_store_trim_history(belay_handle store, uint64_t before_revision) {
  return With(FindWritable, store,
              [&](StoreView& view) { return Done(view.store().TrimHistory(before_revision)); });
}

belay_status belay_store_compact(belay_handle store, const void* start, uint64_t start_size,
                                 const void* end, uint64_t end_size) {
  return With(FindWritable, store, [&](StoreView& view) {
    RangeArgument range;
    const Status status = ReadRangeArgument(start, start_size, end, end_size, &range);
    if (!status.ok()) return Fail(status);
    return Done(view.store().Compact(view.keyspace(), range.start, range.end));
  });
}

belay_status belay_store_backup(belay_handle store, const char* path) {
  return With(FindView, store, [&](StoreView& view) {
    if (path == nullptr) return InvalidArgument("path is null");
    return Done(view.store().Checkpoint(path));
  });
}

belay_status belay_store_verify(belay_handle store, belay_progress progress, void* context) {
  return With(FindView, store, [&](StoreView& view) {
    storage::Store::Progress tell;
    if (progress != nullptr) {
      tell = [&](std::uint64_t done, std::uint64_t total) {
        return progress(context, done, total) == 0;
      };
    }
    return Done(view.store().Verify(tell));
  });
}

belay_status belay_store_statistics(belay_handle store, belay_statistic* statistics,
                                    uint64_t capacity, uint64_t* count) {
  return With(FindView, store, [&](StoreView& view) {
    return FillArray(view.store().Statistics(), statistics, capacity, count, [](const auto& found) {
      belay_statistic one{};
      one.value = found.second;
      CopyText(found.first, one.name);
      return one;
    });
  });
}
}
