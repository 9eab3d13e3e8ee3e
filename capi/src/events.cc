// The stream of what happens to handles.
#include "broker/registry/events.h"

#include "broker/registry/registry.h"
#include "capi/src/guard.h"

using belay::registry::EventInfo;
using belay::registry::Registry;
using namespace belay::capi;

namespace {

// The smallest belay_event ever released.
constexpr std::size_t kLeastEvent = sizeof(belay_event);
constexpr std::uint64_t kMostAtOnce = 4096;

belay_event Convert(const EventInfo& info) {
  belay_event out{};
  out.type = static_cast<std::int32_t>(info.event.type);
  out.sequence = info.event.sequence;
  out.handle = info.event.handle;
  out.unix_ns = info.event.unix_ns;
  out.thread_id = info.event.thread_id;
  CopyText(info.owner_name, out.owner_name);
  CopyText(info.label, out.label);
  CopyText(info.site, out.site);
  return out;
}

}  // namespace

extern "C" {

belay_status belay_events_read(belay_handle broker, uint64_t* next, uint64_t timeout_ms,
                               belay_event* events, uint64_t capacity, uint64_t* count) {
  return Guarded([&] {
    if (next == nullptr || count == nullptr) return InvalidArgument("next or count is null");
    if (events == nullptr || capacity == 0) return InvalidArgument("events is null or capacity 0");
    const std::uint32_t stride = events->struct_size;
    if (stride < kLeastEvent) return InvalidArgument("events[0].struct_size is too small");
    auto found = Registry::Find(broker, belay::registry::Kind::kBroker);
    if (!found.ok()) return Fail(found.status());
    auto page = (*found)->registry().ReadEvents(
        *next, static_cast<std::size_t>(std::min(capacity, kMostAtOnce)), Nanoseconds(timeout_ms));
    if (!page.ok()) return Fail(page.status());
    auto* target = reinterpret_cast<char*>(events);
    for (const EventInfo& info : page->events) {
      Store(Convert(info), target, stride);
      target += stride;
    }
    *next = page->next;
    *count = page->events.size();
    return BELAY_OK;
  });
}
}
