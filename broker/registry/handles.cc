// Handles come and go: their slots, their holders, retain and release.
#include <algorithm>

#include "broker/base/brief_lock.h"
#include "broker/registry/faults.h"
#include "broker/registry/pin.h"
#include "broker/registry/refusal.h"
#include "broker/registry/registry.h"

namespace belay::registry {

using base::Code;
using base::Result;
using base::Status;

namespace {

// Stands in a slot for "the registry's own owner", which has no handle of its own.
constexpr std::uint32_t kRootHolder = 1;
static_assert(kRootHolder < HandleTable::kFirstSlot);

}  // namespace

std::uint32_t Registry::TicksAt(std::int64_t now_ns) const noexcept {
  constexpr std::int64_t kTickNs = 100'000'000;
  return static_cast<std::uint32_t>((now_ns - opened_ns_) / kTickNs);
}

Callback& Registry::CallbackAt(std::uint32_t number) {
  return static_cast<Callback&>(*HandleTable::Get().objects().Get(number));
}

Result<Handle> Registry::AddHandle(Object& object, Owner& holder, std::uint32_t rights,
                                   NativeFunction function, void* context, Form form,
                                   EventType type) {
  if (const std::uint32_t most = holder.options.budget.max_handles;
      most != 0 && holder.held >= most)
    return OverBudget(holder, "handles", most);
  HandleTable& table = HandleTable::Get();
  if (object.id == 0) object.id = table.objects().Adopt(&object);
  if (object.id == 0) return Status(Code::kResourceExhausted, "out of memory for a handle");
  const std::uint32_t number =
      spare_slots_.Take([&](std::span<std::uint32_t> slots) { return table.Take(slots); });
  if (number == 0) return HandleTable::Exhausted();
  const std::int64_t now_ns = options_.clock->CoarseMonotonicNs();
  const Handle handle = table.Publish(number, object, function, context, form, TicksAt(now_ns));
  ColdSlot& cold = table.cold(number);
  cold.rights = static_cast<std::uint8_t>(rights);
  LinkHeld(number, holder);
  cold.object_prev = 0;
  cold.object_next = object.first_slot;
  if (object.first_slot != 0) table.cold(object.first_slot).object_prev = number;
  object.first_slot = number;
  ++object.handles;
  ++unfreed_handles_;
  if (&object != this) Note(type, handle, object, holder, now_ns);
  return handle;
}

Owner& Registry::HolderOf(std::uint32_t number) {
  HandleTable& table = HandleTable::Get();
  const std::uint32_t holder = table.cold(number).holder;
  if (holder == kRootHolder) return *root_;
  return static_cast<Owner&>(table.object_of(holder));
}

void Registry::LinkHeld(std::uint32_t number, Owner& holder) {
  HandleTable& table = HandleTable::Get();
  ColdSlot& cold = table.cold(number);
  cold.holder = &holder == holder.home->root_.get() ? kRootHolder : holder.first_slot;
  cold.holder_prev = 0;
  cold.holder_next = holder.first_held;
  if (holder.first_held != 0) table.cold(holder.first_held).holder_prev = number;
  holder.first_held = number;
  ++holder.held;
}

void Registry::UnlinkHeld(std::uint32_t number, Owner& holder) {
  HandleTable& table = HandleTable::Get();
  ColdSlot& cold = table.cold(number);
  if (cold.holder_prev != 0) {
    table.cold(cold.holder_prev).holder_next = cold.holder_next;
  } else {
    holder.first_held = cold.holder_next;
  }
  if (cold.holder_next != 0) table.cold(cold.holder_next).holder_prev = cold.holder_prev;
  cold.holder = 0;
  --holder.held;
}

void Registry::RetireHandle(std::uint32_t number) {
  HandleTable& table = HandleTable::Get();
  Object& object = table.object_of(number);
  Owner& holder = HolderOf(number);
  NoteEnd(number, object, holder);  // first: whoever finds the handle dead finds its tombstone, too
  table.SetForm(number, Form::kRetired);
  UnlinkHeld(number, holder);
  --object.handles;
  table.cold(number).next() = retired_;
  retired_ = number;
  news_ = true;
  if (object.kind == Kind::kCallback && object.handles == 0)
    BeginDrain(static_cast<Callback&>(object), Code::kStale);
  if (object.kind == Kind::kPin) --static_cast<Pin&>(object).callback->NeedExtra().pins;
}

Result<Owner*> Registry::OpenHolder(Object& object) {
  Owner& holder = object.kind == Kind::kBroker ? *root_ : static_cast<Owner&>(object);
  if (!holder.closed) return &holder;
  return Status(Code::kOwnerClosed, "the owner \"" + holder.name + "\" is closed");
}

Result<Handle> Registry::Retain(Handle handle, Handle holder_handle, std::uint32_t rights) {
  const TransientPin pin(handle);
  if (pin.object() == nullptr) return NoObject(handle);
  if (pin.object()->kind != Kind::kCallback) return WrongKind(handle, "callback");
  auto& callback = static_cast<Callback&>(*pin.object());
  Registry& registry = callback.registry();
  const TransientPin holder_pin(holder_handle == 0 ? handle : holder_handle);
  if (holder_pin.object() == nullptr) return NoObject(holder_handle);
  if (holder_handle != 0 && holder_pin.object()->kind != Kind::kOwner &&
      holder_pin.object()->kind != Kind::kBroker) {
    return WrongKind(holder_handle, "owner");
  }
  if (&holder_pin.object()->registry() != &registry) {
    return Status(Code::kInvalidArgument, "the holder belongs to another broker than the callback");
  }
  Pause(PausePoint::kRetainBeforeLock);
  const auto lock = registry.LockIfLive(handle);
  if (!lock) return NoObject(handle);
  if (auto usable = registry.CheckUsable(callback, SlotOf(handle), kRightRetain); !usable.ok())
    return usable;
  HandleTable& table = HandleTable::Get();
  const std::uint32_t held_rights = table.cold(SlotOf(handle)).rights;
  if ((rights & ~held_rights) != 0 && !kFaultRetainWidens) {
    return Status(Code::kPermissionDenied,
                  "retain may only narrow rights: the handle lacks some of those asked for");
  }
  const std::uint32_t granted = rights == 0 ? held_rights : rights;
  Result<Owner*> holder = holder_handle == 0 ? Result<Owner*>(&registry.HolderOf(SlotOf(handle)))
                                             : registry.OpenHolder(*holder_pin.object());
  if (!holder.ok()) return holder.status();
  auto retained =
      registry.AddHandle(callback, **holder, granted, callback.origin->target.function,
                         callback.context, FormFor(callback, granted), EventType::kRetained);
  return retained;
}

Status Registry::Release(Handle handle) {
  bool wake = false;
  {
    const TransientPin pin(handle);
    Object* const object = pin.object();
    if (object == nullptr) return NoObject(handle);
    if (object->kind == Kind::kBroker || object->kind == Kind::kOwner)
      return Misused(handle, Status(Code::kWrongKind, "a " + std::string(KindName(object->kind)) +
                                                          " is closed, not released"));
    if constexpr (kFaultDoubleRelease) std::this_thread::yield();  // a longer window
    Registry& registry = object->registry();
    Pause(PausePoint::kReleaseBeforeLock);
    std::unique_lock lock = base::LockBriefly(registry.mutex_);
    Pause(PausePoint::kReleaseUnderLock);
    // Somebody else may have been first since the pin (R2).
    if (!HandleTable::Get().IsLive(handle)) {
      if (kFaultDoubleRelease && object->handles != 0 && --object->handles == 0 &&
          object->kind == Kind::kCallback) {
        registry.BeginDrain(static_cast<Callback&>(*object), Code::kStale);
      }
      lock.unlock();
      return NoObject(handle);
    }
    registry.RetireHandle(SlotOf(handle));
    // Pins hold up drains and suspends, which wait as the reaper does.
    wake = registry.TakeWakeUp() || object->kind == Kind::kPin;
  }
  if (wake) HandleTable::Get().Poke();
  return {};
}

Status Registry::Transfer(Handle handle, Handle holder_handle) {
  const TransientPin pin(handle);
  Object* const object = pin.object();
  if (object == nullptr) return NoObject(handle);
  if (object->kind == Kind::kBroker) return WrongKind(handle, "callback");
  const TransientPin holder_pin(holder_handle);
  Object* const holder_object = holder_pin.object();
  if (holder_object == nullptr) return NoObject(holder_handle);
  if (holder_object->kind != Kind::kOwner && holder_object->kind != Kind::kBroker)
    return WrongKind(holder_handle, "owner");
  if (object->kind == Kind::kOwner) {
    return Status(Code::kInvalidArgument, "an owner stays where it was opened");
  }
  Registry& registry = object->registry();
  if (&holder_object->registry() != &registry) {
    return Status(Code::kInvalidArgument, "the holder belongs to another broker than the handle");
  }
  const auto lock = registry.LockIfLive(handle);
  if (!lock) return NoObject(handle);
  auto holder = registry.OpenHolder(*holder_object);
  if (!holder.ok()) return holder.status();
  const std::uint32_t most = (*holder)->options.budget.max_handles;
  if (most != 0 && (*holder)->held >= most && *holder != &registry.HolderOf(SlotOf(handle)))
    return OverBudget(**holder, "handles", most);
  UnlinkHeld(SlotOf(handle), registry.HolderOf(SlotOf(handle)));
  LinkHeld(SlotOf(handle), **holder);
  registry.Note(EventType::kTransferred, handle, *object, **holder);
  return {};
}

Result<Handle> Registry::Insert(Ref<Object> object, Handle holder_handle) {
  if (HandleTable::Forked()) return HandleTable::ForkedStatus();
  const TransientPin pin(holder_handle);
  Object* const found = holder_handle == 0 ? this : pin.object();
  if (found == nullptr) return NoObject(holder_handle);
  if (found->kind != Kind::kOwner && found->kind != Kind::kBroker)
    return WrongKind(holder_handle, "owner or broker");
  if (&found->registry() != this)
    return Status(Code::kInvalidArgument, "the holder belongs to another broker");
  const std::lock_guard lock(mutex_);
  if (close_state_ != CloseState::kOpen) return Status(Code::kClosed, "the broker is closed");
  auto holder = OpenHolder(*found);
  if (!holder.ok()) return holder.status();
  object->SetOwner(**holder);
  return AddHandle(*object, **holder, 0, nullptr, nullptr, Form::kSlow, EventType::kRegistered);
}

std::unique_lock<std::mutex> Registry::LockIfLive(Handle handle) {
  std::unique_lock lock = base::LockBriefly(mutex_);
  if (!HandleTable::Get().IsLive(handle)) lock.unlock();
  return lock;
}

Result<Ref<Object>> Registry::Find(Handle handle, Kind kind) {
  const TransientPin pin(handle);
  if (pin.object() == nullptr) return NoObject(handle);
  if (pin.object()->kind != kind) return WrongKind(handle, KindName(kind));
  return Ref<Object>(pin.object());
}

}  // namespace belay::registry
