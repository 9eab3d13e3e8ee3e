// Looking at handles while the world goes on (R15).
#include <algorithm>

#include "broker/registry/pin.h"
#include "broker/registry/refusal.h"
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

std::string Sentence(const HandleInfo& info) {
  std::string text = "the " + std::string(KindName(info.kind)) + " handle " +
                     HandleText(info.handle) + " is held by \"" + info.holder_name + "\"";
  if (info.kind == Kind::kCallback) {
    text += "; the callback is " + std::string(StateName(info.state)) + ", with " +
            std::to_string(info.references) + " references and " + std::to_string(info.in_flight) +
            " calls in flight";
  }
  if (!info.label.empty()) text += "; it is \"" + info.label + "\"";
  if (!info.site.empty()) text += " (" + info.site + ")";
  return text;
}

bool IsLive(std::uint32_t number) { return HandleTable::Get().form(number) != Form::kRetired; }

}  // namespace

std::int64_t Registry::AgeNs(std::uint32_t number) const noexcept {
  constexpr std::int64_t kTickNs = 100'000'000;
  return (TicksAt(options_.clock->CoarseMonotonicNs()) -
          std::int64_t{HandleTable::Get().slot(number).created_ticks}) *
         kTickNs;
}

bool Registry::LetsThrough(const HandleFilter& filter, std::uint32_t number) {
  const Object& object = HandleTable::Get().object_of(number);
  const bool is_callback = object.kind == Kind::kCallback;
  const auto* callback = is_callback ? static_cast<const Callback*>(&object) : nullptr;
  if (filter.kind != Kind::kNone && object.kind != filter.kind) return false;
  if (filter.state && (!is_callback || callback->state() != *filter.state)) return false;
  if (filter.use == HandleFilter::Use::kOnlyRelease && (!is_callback || callback->is_live()))
    return false;
  if (AgeNs(number) < filter.min_age_ns) return false;
  if (!filter.owner_name.empty() &&
      (!object.has_owner() || object.owner().name != filter.owner_name))
    return false;
  if (!filter.holder_name.empty() && HolderOf(number).name != filter.holder_name) return false;
  return object.label().find(filter.label_part) != std::string_view::npos;
}

HandleInfo Registry::DescribeLocked(std::uint32_t number) {
  HandleTable& table = HandleTable::Get();
  Object& object = table.object_of(number);
  HandleInfo info;
  info.handle = table.handle_of(number);
  info.kind = object.kind;
  info.label = object.label();
  info.references = object.handles;
  info.rights = table.cold(number).rights;
  info.age_ns = AgeNs(number);
  info.created_unix_ns = options_.clock->WallNs() - info.age_ns;
  if (object.has_owner()) {
    info.owner_name = object.owner().name;
    info.owner = LiveHandle(object.owner());
  }
  if (IsLive(number)) {
    const Owner& holder = HolderOf(number);
    info.holder_name = holder.name;
    info.holder = LiveHandle(holder);
  }
  if (object.kind != Kind::kCallback) return info;
  const auto& callback = static_cast<const Callback&>(object);
  info.site = callback.origin->site;
  info.signature = callback.origin->target.signature;
  info.state = callback.state();
  info.pins = callback.pins();
  info.in_flight = table.CountCalls(callback.id) + callback.in_flight();
  if (info.in_flight != 0) {
    const std::int64_t now_ns = options_.clock->CoarseMonotonicNs();
    for (const Watchdog::Call& call : watchdog_.Running(now_ns, 0)) {
      const auto running = RunningCallOf(call, now_ns);
      if (!running || running->callback != callback.id) continue;
      info.longest_running_ns = std::max(info.longest_running_ns, running->age_ns);
      if (options_.stuck_after_ns != 0 && running->age_ns >= options_.stuck_after_ns) ++info.stuck;
    }
  }
  info.calls = table.objects().calls(callback.id).load(std::memory_order_relaxed);
  for (std::uint32_t slot = callback.first_slot; slot != 0; slot = table.cold(slot).object_next)
    info.calls += table.UncollectedCalls(slot);
  if (const CallbackExtra* extra = callback.extra.load(std::memory_order_acquire)) {
    info.calls += extra->calls.submitted();
    info.failures = extra->failures.load(std::memory_order_relaxed);
  }
  return info;
}

Result<HandleInfo> Registry::Describe(Handle handle) {
  const TransientPin pin(handle);
  if (pin.object() == nullptr) return NoObject(handle);
  Registry& registry = pin.object()->registry();
  registry.LookAtCalls();
  std::unique_lock lock(registry.mutex_);
  if (!IsLive(SlotOf(handle))) {
    lock.unlock();
    return NoObject(handle);
  }
  return registry.DescribeLocked(SlotOf(handle));
}

Result<std::string> Registry::Explain(Handle handle) {
  {
    const TransientPin pin(handle);
    if (pin.object() != nullptr) {
      Registry& registry = pin.object()->registry();
      const std::lock_guard lock(registry.mutex_);
      if (IsLive(SlotOf(handle))) return Sentence(registry.DescribeLocked(SlotOf(handle)));
    }
  }
  Status explained = Explained(handle);
  if (explained.code() != base::Code::kStale) return explained;
  return explained.message();
}

std::vector<HandleInfo> Registry::List(std::uint64_t* after, std::size_t limit,
                                       const HandleFilter& filter) {
  HandleTable& table = HandleTable::Get();
  std::vector<HandleInfo> infos;
  if (HandleTable::Forked()) return infos;
  LookAtCalls();
  std::uint64_t next = std::max<std::uint64_t>(*after + 1, HandleTable::kFirstSlot);
  while (infos.size() < limit && next < table.limit()) {
    const auto from = static_cast<std::uint32_t>(next);
    std::vector<std::uint32_t> mine;
    const std::lock_guard lock(mutex_);
    table.ForEach(from, from + kSlotsPerStep, [&](std::uint32_t number, Object& object) {
      if (&object.registry() == this) mine.push_back(number);
    });
    next = std::uint64_t{from} + kSlotsPerStep;
    for (const std::uint32_t number : mine) {
      if (infos.size() == limit) {
        next = number;
        break;
      }
      if (IsLive(number) && LetsThrough(filter, number)) infos.push_back(DescribeLocked(number));
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
  Registry& registry = pin.object()->registry();
  const std::lock_guard lock(registry.mutex_);
  for (std::uint32_t slot = pin.object()->first_slot; slot != 0;
       slot = table.cold(slot).object_next) {
    if (IsLive(slot)) names.push_back(registry.HolderOf(slot).name);
  }
  return names;
}

}  // namespace belay::registry
