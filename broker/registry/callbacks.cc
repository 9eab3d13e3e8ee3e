// Callbacks come, and are made uncallable for a while or for good: register, pin, unregister, suspend.
#include <new>

#include "broker/base/brief_lock.h"
#include "broker/registry/pin.h"
#include "broker/registry/refusal.h"
#include "broker/registry/registry.h"
#include "broker/registry/signature.h"

namespace belay::registry {

using base::Code;
using base::Result;
using base::Status;

namespace {

Status OutOfMemory() { return Status(Code::kResourceExhausted, "out of memory for a callback"); }

}  // namespace

Form Registry::FormFor(const Callback& callback, std::uint32_t rights) {
  const bool refuses = callback.state() != State::kLive && callback.state() != State::kQuarantined;
  if (refuses || (rights & kRightInvoke) == 0) return Form::kSlow;
  const Target& target = callback.origin->target;
  if (target.typed != nullptr) return Form::kSlow;
  const CallbackExtra* extra = callback.extra.load(std::memory_order_acquire);
  const bool elsewhere =
      target.start != nullptr || (extra != nullptr && extra->executor != nullptr);
  if (elsewhere) return Form::kGated;  // quarantined, too: its breaker is asked each time
  if (callback.state() != State::kLive) return Form::kSlow;
  return extra != nullptr && extra->gate != nullptr ? Form::kGated : Form::kFast;
}

void Registry::SetForms(Callback& callback) {
  HandleTable& table = HandleTable::Get();
  for (std::uint32_t number = callback.first_slot; number != 0;
       number = table.cold(number).object_next) {
    if (table.form(number) != Form::kRetired)
      table.SetForm(number, FormFor(callback, table.cold(number).rights));
  }
}

Ref<Callback> Registry::MakeCallback(const CallbackSpec& spec) {
  ObjectArena& arena = HandleTable::Get().objects();
  const std::uint32_t cell =
      spare_cells_.Take([&](std::span<std::uint32_t> cells) { return arena.Take(cells); });
  if (cell == 0) return {};
  OriginRef origin;
  try {
    origin = origins_.Get({spec.target, spec.context.release(), spec.label, spec.site});
  } catch (const std::bad_alloc&) {
    spare_cells_.PutBack(cell);
    return {};
  }
  auto callback =
      Ref<Callback>::Adopt(new (arena.MemoryOf(cell)) Callback(cell, std::move(origin)));
  try {
    if (callback->origin->target.start != nullptr || spec.executor != nullptr || spec.gate.any()) {
      CallbackExtra& extra = callback->NeedExtra(spec.breaker);
      extra.executor = spec.executor;
      extra.executor_keeper = spec.executor_keeper;
      if (spec.gate.any()) extra.gate = std::make_unique<Gate>(spec.gate, callback->origin->label);
    }
  } catch (const std::bad_alloc&) {
    return {};
  }
  callback->context = spec.context.get();
  return callback;
}

Result<Handle> Registry::Register(Handle owner_handle, CallbackSpec&& spec) {
  auto registered = TryRegister(owner_handle, spec);
  if (!registered.ok()) spec.context.Run();  // here, where no lock is held
  return registered;
}

Result<Handle> Registry::TryRegister(Handle owner_handle, CallbackSpec& spec) {
  if (!spec.target.signature.empty()) {
    auto signature = NormalizeSignature(spec.target.signature);
    if (!signature.ok()) return signature.status();
    spec.target.signature = std::move(*signature);
  }
  const TransientPin pin(owner_handle);
  Object* const object = pin.object();
  if (object == nullptr) return NoObject(owner_handle);
  if (object->kind != Kind::kOwner && object->kind != Kind::kBroker)
    return WrongKind(owner_handle, "owner or broker");
  Registry& registry = object->registry();
  Pause(PausePoint::kRegisterBeforeLock);
  const std::unique_lock lock = base::LockBriefly(registry.mutex_);
  if (registry.close_state_ != CloseState::kOpen)
    return Status(Code::kClosed, "the broker is closed");
  auto holder = registry.OpenHolder(*object);
  if (!holder.ok()) return holder.status();
  Owner& owner = **holder;
  if (const std::uint32_t most = owner.options.budget.max_callbacks;
      most != 0 && owner.callbacks >= most)
    return OverBudget(owner, "callbacks", most);
  const Ref<Callback> callback = registry.MakeCallback(spec);
  if (!callback) return OutOfMemory();
  callback->SetOwner(owner);
  auto handle =
      registry.AddHandle(*callback, owner, kRightsAll, callback->origin->target.function,
                         callback->context, FormFor(*callback, kRightsAll), EventType::kRegistered);
  if (!handle.ok()) return handle;
  (void)spec.context.Detach();
  callback->owner_next = owner.first_callback;
  if (owner.first_callback != 0) CallbackAt(owner.first_callback).owner_prev = callback->id;
  owner.first_callback = callback->id;
  ++owner.callbacks;
  ++registry.unreleased_callbacks_;
  return handle;
}

void Registry::BeginDrain(Callback& callback, Code refusal) {
  if (!callback.is_live()) return;
  callback.set_state(State::kDraining);
  callback.set_refusal(refusal);
  SetForms(callback);
  const CallbackExtra* const extra = callback.extra.load(std::memory_order_acquire);
  if (extra != nullptr && extra->gate != nullptr) extra->gate->Close();
  if (callback.owner_prev != 0) {
    CallbackAt(callback.owner_prev).owner_next = callback.owner_next;
  } else {
    callback.owner().first_callback = callback.owner_next;
  }
  if (callback.owner_next != 0) CallbackAt(callback.owner_next).owner_prev = callback.owner_prev;
  callback.owner_prev = 0;
  draining_.PushBack(callback);
  news_ = true;
  callback.AddReference();  // the list's reference, until its release function has run
}

Status Registry::CheckUsable(Callback& callback, std::uint32_t number, std::uint32_t rights) const {
  const Status refused = (rights & kRightInvoke) != 0
                             ? RefusesCalls(callback, options_.clock->CoarseMonotonicNs())
                             : DeadCallback(callback);
  if (!refused.ok()) return refused;
  const std::uint32_t missing = rights & ~std::uint32_t{HandleTable::Get().cold(number).rights};
  return missing == 0 ? Status() : MissingRight(callback, missing);
}

Status Registry::Unregister(Handle handle, Code refusal) {
  bool wake = false;
  {
    const TransientPin pin(handle);
    if (pin.object() == nullptr) return NoObject(handle);
    if (pin.object()->kind != Kind::kCallback) return WrongKind(handle, "callback");
    auto& callback = static_cast<Callback&>(*pin.object());
    Registry& registry = callback.registry();
    Pause(PausePoint::kUnregisterBeforeLock);
    const auto lock = registry.LockIfLive(handle);
    if (!lock) return NoObject(handle);
    if (!callback.is_live()) return {};
    const auto right = refusal == Code::kUnregistered ? std::uint32_t{kRightUnregister} : 0U;
    if (auto usable = registry.CheckUsable(callback, SlotOf(handle), right); !usable.ok())
      return usable;
    registry.BeginDrain(callback, refusal);
    registry.Note(refusal == Code::kRevoked ? EventType::kRevoked : EventType::kUnregistered,
                  handle, callback, registry.HolderOf(SlotOf(handle)));
    wake = registry.TakeWakeUp();
  }
  if (wake) HandleTable::Get().Poke();
  return {};
}

Result<Registry::PinnedFunction> Registry::PinTyped(Handle handle, std::string_view signature) {
  auto wanted = NormalizeSignature(signature);
  if (!wanted.ok()) return wanted.status();
  Ref<Pin> object;  // destroyed after the lock
  const TransientPin pin(handle);
  if (pin.object() == nullptr) return NoObject(handle);
  if (pin.object()->kind != Kind::kCallback) return WrongKind(handle, "callback");
  auto& callback = static_cast<Callback&>(*pin.object());
  const Target& target = callback.origin->target;
  if (target.typed == nullptr) {
    return Status(Code::kFailedPrecondition,
                  "callback \"" + callback.origin->label + "\" has no signature: invoke it",
                  "NOT_TYPED");
  }
  if (target.signature != *wanted) {
    return Status(Code::kInvalidArgument,
                  "callback \"" + callback.origin->label + "\" was registered as " +
                      target.signature + ", not " + *wanted,
                  "SIGNATURE_MISMATCH");
  }
  Registry& registry = callback.registry();
  object = Ref<Pin>::Adopt(new Pin(Ref<Callback>(&callback)));
  Pause(PausePoint::kPinTypedBeforeLock);
  const auto lock = registry.LockIfLive(handle);
  if (!lock) return NoObject(handle);
  if (auto usable = registry.CheckUsable(callback, SlotOf(handle), kRightInvoke); !usable.ok())
    return usable;
  CallbackExtra& extra = callback.NeedExtra();
  object->SetOwner(callback.owner());
  auto pinned = registry.AddHandle(*object, registry.HolderOf(SlotOf(handle)), 0, nullptr, nullptr,
                                   Form::kSlow, EventType::kRegistered);
  if (!pinned.ok()) return pinned.status();
  ++extra.pins;
  extra.calls.CountSubmitted();
  return PinnedFunction{*pinned, target.typed, callback.context};
}

}  // namespace belay::registry
