// Handles come and go: register, retain, release, unregister, drain, pin.
#include <algorithm>
#include <chrono>
#include <new>

#include "broker/registry/faults.h"
#include "broker/registry/pin.h"
#include "broker/registry/registry.h"
#include "broker/registry/signature.h"

namespace belay::registry {

using base::Code;
using base::Result;
using base::Status;

namespace {

Status NoObject(Handle handle) {
  if (HandleTable::Forked()) return HandleTable::ForkedStatus();
  return HandleTable::Get().Explain(handle);
}

Status WrongKind(Handle handle, std::string_view wanted) {
  return Status(Code::kWrongKind, "a " + std::string(KindName(KindOf(handle))) +
                                      " handle was given where one of a " + std::string(wanted) +
                                      " is needed");
}

bool IsRetired(Handle handle) {
  return HandleTable::Get().slot(SlotOf(handle)).key.load(std::memory_order_relaxed) == 0;
}

std::string_view RefusalText(Code code) {
  switch (code) {
    case Code::kUnregistered: return "the callback was unregistered by its owner";
    case Code::kRevoked: return "the callback was revoked by an administrator";
    case Code::kOwnerClosed: return "the owner that registered the callback is closed";
    case Code::kHostLost: return "the process that ran the callback is gone";
    default: return "the callback has no references left";
  }
}

}  // namespace

Result<Handle> Registry::AddHandle(Object& object, Owner& holder, std::uint32_t rights,
                                   NativeFunction function, void* context, CallPath path) {
  HandleTable& table = HandleTable::Get();
  auto handle = table.Allocate(object.kind, &object, function, context, path);
  if (!handle.ok()) return handle;
  const std::uint32_t number = SlotOf(*handle);
  ColdSlot& cold = table.cold(number);
  cold.rights = rights;
  cold.created_ns = options_.clock->MonotonicNs();
  cold.created_unix_ns = options_.clock->WallNs();
  LinkHeld(number, holder);
  cold.object_prev = 0;
  cold.object_next = object.first_slot;
  if (object.first_slot != 0) table.cold(object.first_slot).object_prev = number;
  object.first_slot = number;
  ++object.handles;
  ++unfreed_handles_;
  return handle;
}

void Registry::LinkHeld(std::uint32_t number, Owner& holder) {
  HandleTable& table = HandleTable::Get();
  ColdSlot& cold = table.cold(number);
  cold.holder = &holder;
  cold.holder_prev = 0;
  cold.holder_next = holder.first_held;
  if (holder.first_held != 0) table.cold(holder.first_held).holder_prev = number;
  holder.first_held = number;
}

void Registry::UnlinkHeld(std::uint32_t number) {
  HandleTable& table = HandleTable::Get();
  ColdSlot& cold = table.cold(number);
  (cold.holder_prev != 0 ? table.cold(cold.holder_prev).holder_next : cold.holder->first_held) =
      cold.holder_next;
  if (cold.holder_next != 0) table.cold(cold.holder_next).holder_prev = cold.holder_prev;
  cold.holder = nullptr;
}

void Registry::RetireHandle(std::uint32_t number) {
  HandleTable& table = HandleTable::Get();
  ColdSlot& cold = table.cold(number);
  Object& object = *table.slot(number).object;
  table.Retire(number);
  UnlinkHeld(number);
  --object.handles;
  ++object.unfreed;
  cold.next_retired = retired_;
  retired_ = number;
  if (object.kind == Kind::kCallback && object.handles == 0)
    BeginDrain(static_cast<Callback&>(object), Code::kStale);
  if (object.kind == Kind::kPin) --static_cast<Pin&>(object).callback->pins;
}

void Registry::BeginDrain(Callback& callback, Code refusal) {
  if (callback.state != State::kLive) return;
  callback.state = State::kDraining;
  callback.refusal = refusal;
  HandleTable& table = HandleTable::Get();
  for (std::uint32_t number = callback.first_slot; number != 0;
       number = table.cold(number).object_next) {
    table.MarkSlow(number);
  }
  (callback.owner_prev != nullptr ? callback.owner_prev->owner_next
                                  : callback.owner->first_callback) = callback.owner_next;
  if (callback.owner_next != nullptr) callback.owner_next->owner_prev = callback.owner_prev;
  callback.owner_prev = nullptr;
  callback.owner_next = draining_;
  draining_ = &callback;
  callback.AddReference();  // the list's reference, until its release function has run
}

Result<Handle> Registry::Register(Handle owner_handle, CallbackSpec spec) {
  if (!spec.target.signature.empty()) {
    auto signature = NormalizeSignature(spec.target.signature);
    if (!signature.ok()) return signature.status();
    spec.target.signature = std::move(*signature);
  }
  // Declared before the pin and the lock and so destroyed after them: on failure its context is
  // released under neither.
  Ref<Callback> callback;
  const TransientPin pin(owner_handle);
  Object* const object = pin.object();
  if (object == nullptr) return NoObject(owner_handle);
  if (object->kind != Kind::kOwner && object->kind != Kind::kBroker)
    return WrongKind(owner_handle, "owner or broker");
  Registry& registry = *object->registry;
  const bool is_fast = spec.target.function != nullptr;
  callback = Ref<Callback>::Adopt(new (std::nothrow) Callback(&registry, std::move(spec)));
  if (!callback) return Status(Code::kResourceExhausted, "out of memory for a callback");
  const std::lock_guard lock(registry.mutex_);
  if (registry.close_state_ != CloseState::kOpen)
    return Status(Code::kClosed, "the broker is closed");
  Owner& owner = object->kind == Kind::kOwner ? static_cast<Owner&>(*object) : *registry.root_;
  if (owner.closed) return Status(Code::kOwnerClosed, "the owner \"" + owner.name + "\" is closed");
  callback->owner = Ref<Owner>(&owner);
  auto handle =
      registry.AddHandle(*callback, owner, kRightsAll, callback->target.function,
                         callback->context.get(), is_fast ? CallPath::kFast : CallPath::kSlow);
  if (!handle.ok()) return handle;
  callback->owner_next = owner.first_callback;
  if (owner.first_callback != nullptr) owner.first_callback->owner_prev = callback.get();
  owner.first_callback = callback.get();
  ++registry.unreleased_callbacks_;
  return handle;
}

Status Registry::CheckUsable(Callback& callback, std::uint32_t number, std::uint32_t rights) const {
  if (callback.state != State::kLive) {
    return Status(callback.refusal, "callback \"" + callback.label +
                                        "\": " + std::string(RefusalText(callback.refusal)));
  }
  const std::uint32_t missing = rights & ~HandleTable::Get().cold(number).rights;
  if (missing == 0) return {};
  return Status(Code::kPermissionDenied, "this handle to callback \"" + callback.label +
                                             "\" does not carry the right to " +
                                             ((missing & kRightInvoke) != 0       ? "invoke"
                                              : (missing & kRightRetain) != 0     ? "retain"
                                              : (missing & kRightUnregister) != 0 ? "unregister"
                                                                                  : "do this"));
}

Result<Handle> Registry::Retain(Handle handle, Handle holder_handle, std::uint32_t rights) {
  const TransientPin pin(handle);
  if (pin.object() == nullptr) return NoObject(handle);
  if (pin.object()->kind != Kind::kCallback) return WrongKind(handle, "callback");
  auto& callback = static_cast<Callback&>(*pin.object());
  Registry& registry = *callback.registry;
  const TransientPin holder_pin(holder_handle == 0 ? handle : holder_handle);
  const Object* holder_object = holder_pin.object();
  if (holder_object == nullptr) return NoObject(holder_handle);
  if (holder_handle != 0 && holder_object->kind != Kind::kOwner &&
      holder_object->kind != Kind::kBroker) {
    return WrongKind(holder_handle, "owner");
  }
  if (holder_object->registry != &registry) {
    return Status(Code::kInvalidArgument, "the holder belongs to another broker than the callback");
  }
  const std::lock_guard lock(registry.mutex_);
  const std::uint32_t number = SlotOf(handle);
  if (IsRetired(handle)) return NoObject(handle);
  if (auto usable = registry.CheckUsable(callback, number, kRightRetain); !usable.ok())
    return usable;
  const ColdSlot& cold = HandleTable::Get().cold(number);
  if ((rights & ~cold.rights) != 0) {
    return Status(Code::kPermissionDenied,
                  "retain may only narrow rights: the handle lacks some of those asked for");
  }
  const std::uint32_t granted = rights == 0 ? cold.rights : rights;
  Owner& holder = holder_handle == 0 ? *cold.holder
                  : holder_object->kind == Kind::kBroker
                      ? *registry.root_
                      : static_cast<Owner&>(*holder_pin.object());
  if (holder.closed)
    return Status(Code::kOwnerClosed, "the owner \"" + holder.name + "\" is closed");
  const bool is_fast = callback.target.function != nullptr && (granted & kRightInvoke) != 0;
  return registry.AddHandle(callback, holder, granted, callback.target.function,
                            callback.context.get(), is_fast ? CallPath::kFast : CallPath::kSlow);
}

Status Registry::Release(Handle handle) {
  {
    const TransientPin pin(handle);
    Object* const object = pin.object();
    if (object == nullptr) return NoObject(handle);
    if (object->kind == Kind::kBroker || object->kind == Kind::kOwner) {
      return Status(Code::kWrongKind,
                    "a " + std::string(KindName(object->kind)) + " is closed, not released");
    }
    if constexpr (kFaultDoubleRelease) std::this_thread::yield();  // a longer window
    const std::lock_guard lock(object->registry->mutex_);
    // Somebody else may have been first since the pin (R2).
    if (IsRetired(handle)) {
      if (kFaultDoubleRelease && object->handles != 0 && --object->handles == 0 &&
          object->kind == Kind::kCallback) {
        object->registry->BeginDrain(static_cast<Callback&>(*object), Code::kStale);
      }
      return NoObject(handle);
    }
    object->registry->RetireHandle(SlotOf(handle));
  }
  HandleTable::Get().Poke();
  return {};
}

Status Registry::Unregister(Handle handle, Code refusal) {
  {
    const TransientPin pin(handle);
    if (pin.object() == nullptr) return NoObject(handle);
    if (pin.object()->kind != Kind::kCallback) return WrongKind(handle, "callback");
    auto& callback = static_cast<Callback&>(*pin.object());
    Registry& registry = *callback.registry;
    const std::lock_guard lock(registry.mutex_);
    if (callback.state != State::kLive) return {};
    const auto right = refusal == Code::kUnregistered ? std::uint32_t{kRightUnregister} : 0U;
    if (auto usable = registry.CheckUsable(callback, SlotOf(handle), right); !usable.ok())
      return usable;
    registry.BeginDrain(callback, refusal);
  }
  HandleTable::Get().Poke();
  return {};
}

Result<Registry::PinnedFunction> Registry::PinTyped(Handle handle, std::string_view signature) {
  auto wanted = NormalizeSignature(signature);
  if (!wanted.ok()) return wanted.status();
  const TransientPin pin(handle);
  if (pin.object() == nullptr) return NoObject(handle);
  if (pin.object()->kind != Kind::kCallback) return WrongKind(handle, "callback");
  auto& callback = static_cast<Callback&>(*pin.object());
  if (callback.target.typed == nullptr) {
    return Status(Code::kFailedPrecondition,
                  "callback \"" + callback.label + "\" has no signature: invoke it", "NOT_TYPED");
  }
  if (callback.target.signature != *wanted) {
    return Status(Code::kInvalidArgument,
                  "callback \"" + callback.label + "\" was registered as " +
                      callback.target.signature + ", not " + *wanted,
                  "SIGNATURE_MISMATCH");
  }
  Registry& registry = *callback.registry;
  auto object = Ref<Pin>::Adopt(new Pin(&registry, Ref<Callback>(&callback)));
  object->owner = callback.owner;
  object->label = callback.label;
  const std::lock_guard lock(registry.mutex_);
  if (IsRetired(handle)) return NoObject(handle);
  if (auto usable = registry.CheckUsable(callback, SlotOf(handle), kRightInvoke); !usable.ok())
    return usable;
  Owner& holder = *HandleTable::Get().cold(SlotOf(handle)).holder;
  auto pinned = registry.AddHandle(*object, holder, 0, nullptr, nullptr, CallPath::kSlow);
  if (!pinned.ok()) return pinned.status();
  ++callback.pins;
  callback.calls.fetch_add(1, std::memory_order_relaxed);
  return PinnedFunction{*pinned, callback.target.typed, callback.context.get()};
}

Result<Handle> Registry::Insert(Ref<Object> object, Handle holder_handle) {
  if (HandleTable::Forked()) return HandleTable::ForkedStatus();
  const TransientPin pin(holder_handle);
  Object* const found = holder_handle == 0 ? this : pin.object();
  if (found == nullptr) return NoObject(holder_handle);
  if (found->kind != Kind::kOwner && found->kind != Kind::kBroker)
    return WrongKind(holder_handle, "owner or broker");
  if (found->registry != this)
    return Status(Code::kInvalidArgument, "the holder belongs to another broker");
  const std::lock_guard lock(mutex_);
  if (close_state_ != CloseState::kOpen) return Status(Code::kClosed, "the broker is closed");
  Owner& holder = found->kind == Kind::kBroker ? *root_ : static_cast<Owner&>(*found);
  if (holder.closed)
    return Status(Code::kOwnerClosed, "the owner \"" + holder.name + "\" is closed");
  object->owner = Ref<Owner>(&holder);
  return AddHandle(*object, holder, 0, nullptr, nullptr, CallPath::kSlow);
}

Result<Ref<Object>> Registry::Find(Handle handle, Kind kind) {
  const TransientPin pin(handle);
  if (pin.object() == nullptr) return NoObject(handle);
  if (pin.object()->kind != kind) return WrongKind(handle, KindName(kind));
  return Ref<Object>(pin.object());
}

}  // namespace belay::registry
