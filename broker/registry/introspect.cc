// Looking at handles while the world goes on (R15).
#include <algorithm>

#include "broker/registry/pin.h"
#include "broker/registry/registry.h"

namespace belay::registry {

using base::Result;
using base::Status;

namespace {

// How many slots are looked at under one hold of the locks.
constexpr std::uint32_t kSlotsPerStep = 256;

// The owner's own handle; 0 if it has none or is closed. REQUIRES: its registry's mutex is held.
Handle LiveHandle(const Owner& owner) {
  return owner.handles == 0 ? 0 : HandleTable::Get().handle_of(owner.first_slot);
}

}  // namespace

HandleInfo Registry::DescribeLocked(std::uint32_t number) {
  HandleTable& table = HandleTable::Get();
  const ColdSlot& cold = table.cold(number);
  const Object& object = *table.slot(number).object;
  HandleInfo info;
  info.kind = object.kind;
  info.label = object.label;
  info.site = object.site;
  info.references = object.handles;
  info.calls = object.calls.load(std::memory_order_relaxed);
  info.failures = object.failures.load(std::memory_order_relaxed);
  info.created_unix_ns = cold.created_unix_ns;
  info.age_ns = options_.clock->MonotonicNs() - cold.created_ns;
  info.rights = cold.rights;
  if (object.owner) {
    info.owner_name = object.owner->name;
    info.owner = LiveHandle(*object.owner);
  }
  if (cold.holder != nullptr) {
    info.holder_name = cold.holder->name;
    info.holder = LiveHandle(*cold.holder);
  }
  info.handle = table.handle_of(number);
  if (object.kind == Kind::kCallback) {
    const auto& callback = static_cast<const Callback&>(object);
    info.signature = callback.target.signature;
    info.state = callback.state;
    info.pins = callback.pins;
    info.in_flight = std::max(callback.async_calls, callback.async_starts);
    for (std::uint32_t slot = object.first_slot; slot != 0; slot = table.cold(slot).object_next) {
      info.calls += table.UncollectedCalls(slot);
    }
    info.in_flight += table.CountCalls(object);
  }
  return info;
}

Result<HandleInfo> Registry::Describe(Handle handle) {
  const TransientPin pin(handle);
  if (pin.object() == nullptr) {
    if (HandleTable::Forked()) return HandleTable::ForkedStatus();
    return HandleTable::Get().Explain(handle);
  }
  Registry& registry = *pin.object()->registry;
  const std::lock_guard lock(registry.mutex_);
  if (HandleTable::Get().slot(SlotOf(handle)).key.load(std::memory_order_relaxed) == 0) {
    return HandleTable::Get().Explain(handle);
  }
  return registry.DescribeLocked(SlotOf(handle));
}

std::vector<HandleInfo> Registry::List(std::uint64_t* after, std::size_t limit) {
  HandleTable& table = HandleTable::Get();
  std::vector<HandleInfo> infos;
  if (HandleTable::Forked()) return infos;
  std::uint64_t next = *after + 1;
  while (infos.size() < limit && next < table.limit()) {
    const auto from = static_cast<std::uint32_t>(next);
    std::vector<std::uint32_t> mine;
    const std::lock_guard lock(mutex_);
    table.ForEach(from, from + kSlotsPerStep, [&](std::uint32_t number, Handle) {
      if (table.slot(number).object->registry == this) mine.push_back(number);
    });
    next = std::uint64_t{from} + kSlotsPerStep;
    for (const std::uint32_t number : mine) {
      if (infos.size() == limit) {
        next = number;
        break;
      }
      if (table.slot(number).key.load(std::memory_order_relaxed) != 0)
        infos.push_back(DescribeLocked(number));
    }
  }
  *after = next - 1;
  return infos;
}

std::vector<std::string> Registry::Holders(Handle handle) {
  std::vector<std::string> names;
  const TransientPin pin(handle);
  if (pin.object() == nullptr) return names;
  HandleTable& table = HandleTable::Get();
  const std::lock_guard lock(pin.object()->registry->mutex_);
  for (std::uint32_t slot = pin.object()->first_slot; slot != 0;
       slot = table.cold(slot).object_next) {
    if (const Owner* holder = table.cold(slot).holder; holder != nullptr)
      names.push_back(holder->name);
  }
  return names;
}

}  // namespace belay::registry
