// Owners with options, what they and administrators do to callbacks, and what is told of all that.
#include <cstring>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/operations.h"

namespace belay::fuzz {
namespace {

// None of them aborts.
std::int32_t Misuse(World& world) {
  static constexpr std::int32_t kPolicies[] = {BELAY_MISUSE_INHERIT, BELAY_MISUSE_RETURN,
                                               BELAY_MISUSE_LOG, -1, BELAY_MISUSE_ABORT + 1};
  return kPolicies[world.in.Below(std::size(kPolicies))];
}

// A broker that forgets soon, or at once, and is quick to call a call stuck.
void OpenForgetful(World& world) {
  Padded<belay_broker_options> options;
  belay_broker_options& given = options.value;
  given.struct_size = world.StructSize(sizeof given);
  given.log = &World::Log;
  given.tombstones = world.in.OneIn(4) ? BELAY_OFF : world.in.Byte();
  given.events = world.in.OneIn(4) ? BELAY_OFF : world.in.Byte();
  given.misuse = Misuse(world);
  given.stuck_after_ms = world.in.OneIn(4) ? world.in.Word() : 1;
  world.OpenBroker(&given);
}

void OwnerOpenWith(World& world) {
  Padded<belay_owner_options> options;
  belay_owner_options& given = options.value;
  const std::string name = world.in.Bytes();
  given.struct_size = world.StructSize(sizeof given);
  given.misuse = Misuse(world);
  given.name = world.OrNull(name.c_str());
  given.max_handles = world.in.Byte() % 8U;
  given.max_callbacks = world.in.Byte() % 4U;
  given.max_calls_in_flight = world.in.Byte() % 4U;
  given.max_queued_bytes = world.in.Byte();
  const belay_handle parent =
      world.HandleOf(world.in.OneIn(2) ? BELAY_KIND_OWNER : BELAY_KIND_BROKER);
  world.Opened([&](belay_handle* owner) {
    return belay_owner_open_with(parent, world.OrNull(&given), owner);
  });
}

void Detach(World& world) {
  const belay_handle owner = world.HandleOf(BELAY_KIND_OWNER);
  const std::int32_t mode =
      world.in.OneIn(16) ? world.in.Byte() : static_cast<std::int32_t>(world.in.Below(2));
  if (world.IsLent(owner)) return;
  const belay_status status = world.Checked([&] { return belay_owner_detach(owner, mode); });
  if (status == BELAY_OK && mode == BELAY_DETACH_DROP) world.MayDrop();
}

void Transfer(World& world) {
  const belay_handle handle = world.AnyHandle();
  if (world.IsLent(handle)) return;
  const belay_handle holder =
      world.HandleOf(world.in.OneIn(4) ? BELAY_KIND_BROKER : BELAY_KIND_OWNER);
  world.Checked([&] { return belay_handle_transfer(handle, holder); });
}

void Suspend(World& world) {
  const belay_handle callback = world.HandleOf(BELAY_KIND_CALLBACK);
  world.Checked([&] { return belay_suspend(callback, world.TimeoutMs()); });
}

void Resume(World& world) {
  const belay_handle callback = world.HandleOf(BELAY_KIND_CALLBACK);
  world.Checked([&] { return belay_resume(callback); });
}

void Quarantine(World& world) {
  const belay_handle callback = world.HandleOf(BELAY_KIND_CALLBACK);
  world.Checked([&] { return belay_quarantine(callback); });
}

void Restore(World& world) {
  const belay_handle callback = world.HandleOf(BELAY_KIND_CALLBACK);
  world.Checked([&] { return belay_restore(callback); });
}

void EventsRead(World& world) {
  constexpr std::size_t kEvents = 4;
  std::vector<Padded<belay_event>> events(kEvents);
  const std::uint32_t stride = world.StructSize(sizeof(belay_event));
  events[0].value.struct_size = stride;
  std::uint64_t next = world.in.OneIn(16) ? world.in.Word() : world.in.Byte();
  std::uint64_t count = 0;
  const std::uint64_t capacity = world.in.Below(kEvents + 1);
  const belay_handle broker = world.HandleOf(BELAY_KIND_BROKER);
  const belay_status status = world.Checked([&] {
    return belay_events_read(broker, world.OrNull(&next), world.TimeoutMs(),
                             world.OrNull(&events[0].value), capacity, world.OrNull(&count));
  });
  if (status != BELAY_OK) return;
  if (count > capacity) Violation("I7", "a page is longer than asked for");
  const auto* entry = reinterpret_cast<const char*>(events.data());
  for (std::uint64_t i = 0; i < count; ++i, entry += stride) {
    if (reinterpret_cast<const belay_event*>(entry)->sequence != next - count + i)
      Violation("R15", "a page of events has a gap");
  }
}

void Explain(World& world) {
  char text[128] = {};
  std::uint64_t size = 0;
  const std::uint64_t capacity = world.in.Below(sizeof text + 1);
  const belay_handle handle = world.AnyHandle();
  const belay_status status = world.Checked(
      [&] { return belay_explain(handle, world.OrNull(&text[0]), capacity, world.OrNull(&size)); });
  if (status == BELAY_OK && std::strlen(text) + 1 != size)
    Violation("R15", "an explanation is not as long as it says");
  if (status == BELAY_BUFFER_TOO_SMALL && size <= capacity)
    Violation("I2", "an explanation is said not to fit, and would");
}

void ListWhere(World& world) {
  static constexpr const char* kNames[] = {nullptr, "", "broker", "a"};
  constexpr std::size_t kEntries = 4;
  Padded<belay_list_filter> filter;
  belay_list_filter& given = filter.value;
  given.struct_size = world.StructSize(sizeof given);
  given.flags = world.in.Byte() % 4U == 3 ? world.in.Byte() : world.in.Byte() % 2U;
  given.kind = world.in.Byte() % 12 - 1;
  given.state = world.in.Byte() % 8 - 1;
  given.owner_name = kNames[world.in.Below(std::size(kNames))];
  given.holder_name = kNames[world.in.Below(std::size(kNames))];
  given.label_part = kNames[world.in.Below(std::size(kNames))];
  given.min_age_ms = world.in.OneIn(4) ? world.in.Word() : 0;
  std::vector<Padded<belay_handle_info>> infos(kEntries);
  infos[0].value.struct_size = world.StructSize(sizeof(belay_handle_info));
  std::uint64_t after = 0;
  std::uint64_t count = 0;
  const belay_handle broker = world.HandleOf(BELAY_KIND_BROKER);
  const belay_status status = world.Checked([&] {
    return belay_list_where(broker, world.OrNull(&given), world.OrNull(&after),
                            world.OrNull(&infos[0].value), kEntries, world.OrNull(&count));
  });
  if (status == BELAY_OK && count > kEntries) Violation("I7", "a page is longer than asked for");
}

void StuckCalls(World& world) {
  constexpr std::size_t kCalls = 3;
  std::vector<Padded<belay_running_call>> calls(kCalls);
  calls[0].value.struct_size = world.StructSize(sizeof(belay_running_call));
  std::uint64_t count = 0;
  const std::uint64_t capacity = world.in.Below(kCalls + 1);
  const belay_handle broker = world.HandleOf(BELAY_KIND_BROKER);
  const belay_status status = world.Checked([&] {
    return belay_stuck_calls(broker, world.TimeoutMs(), world.OrNull(&calls[0].value), capacity,
                             world.OrNull(&count));
  });
  if (status == BELAY_OK && count > capacity) Violation("I7", "a page is longer than asked for");
}

constexpr Operation kOperations[] = {
    OpenForgetful, OwnerOpenWith, Detach,     Transfer, Suspend,   Resume,
    Quarantine,    Restore,       EventsRead, Explain,  ListWhere, StuckCalls,
};

}  // namespace

std::span<const Operation> OwnerOperations() { return kOperations; }

}  // namespace belay::fuzz
