// Owners open and close.
#include "broker/registry/pin.h"
#include "broker/registry/refusal.h"
#include "broker/registry/registry.h"

namespace belay::registry {

using base::Code;
using base::Result;
using base::Status;

namespace {

// Closing goes down the nest by recursion.
constexpr int kMostNested = 32;

// 1 for an owner that is the broker's.
int NestingOf(const Object& owner) {
  int depth = 1;
  for (const Object* outer = &owner; outer->has_owner(); outer = &outer->owner()) ++depth;
  return depth;
}

}  // namespace

Owner::Owner(Ref<Registry> owner_registry, std::string owner_name, OwnerOptions owner_options)
    : Object(Kind::kOwner),
      home(std::move(owner_registry)),
      name(std::move(owner_name)),
      options(owner_options) {}

Owner::~Owner() = default;

Result<Handle> Registry::OpenOwner(Handle parent, std::string name, OwnerOptions options) {
  if (HandleTable::Forked()) return HandleTable::ForkedStatus();
  if (name.empty() || name.size() > 255) {
    return Status(Code::kInvalidArgument,
                  "an owner's name must have 1 to 255 bytes, not " + std::to_string(name.size()));
  }
  Ref<Owner> opened;  // destroyed after the lock
  const TransientPin pin(parent);
  if (pin.object() == nullptr) return NoObject(parent);
  if (pin.object()->kind != Kind::kOwner && pin.object()->kind != Kind::kBroker)
    return WrongKind(parent, "owner or broker");
  Registry& registry = pin.object()->registry();
  if (options.misuse == MisusePolicy::kInherit) {
    options.misuse = pin.object()->kind == Kind::kOwner
                         ? static_cast<Owner&>(*pin.object()).options.misuse
                         : registry.graveyard_->misuse();
  }
  opened = Ref<Owner>::Adopt(new Owner(Ref<Registry>(&registry), std::move(name), options));
  const std::lock_guard lock(registry.mutex_);
  if (registry.close_state_ != CloseState::kOpen)
    return Status(Code::kClosed, "the broker is closed");
  auto holder = registry.OpenHolder(*pin.object());
  if (!holder.ok()) return holder.status();
  if (pin.object()->kind == Kind::kOwner) {
    if (NestingOf(**holder) >= kMostNested) {
      return Status(Code::kResourceExhausted,
                    "owners nest at most " + std::to_string(kMostNested) + " deep");
    }
    opened->SetOwner(**holder);
  }
  return registry.AddHandle(*opened, **holder, 0, nullptr, nullptr, Form::kSlow,
                            EventType::kOwnerOpened);
}

Result<Handle> Registry::OpenOwner(std::string name) {
  auto opened = OpenOwner(handle_, std::move(name));
  if (opened.code() != Code::kStale) return opened;
  return Status(Code::kClosed, "the broker is closed");
}

Status Registry::CloseOwner(Handle handle) { return CloseOwnerWith(handle, Contexts::kRelease); }

Status Registry::DetachOwner(Handle handle, Contexts contexts) {
  return CloseOwnerWith(handle, contexts);
}

Status Registry::CloseOwnerWith(Handle handle, Contexts contexts) {
  auto found = Find(handle, Kind::kOwner);
  if (!found.ok()) return found.status();
  auto& closing = static_cast<Owner&>(**found);
  Registry& registry = closing.registry();
  bool wake = false;
  std::vector<std::string> leaks;
  {
    std::unique_lock lock(registry.mutex_);
    if (closing.closed) {
      lock.unlock();
      return NoObject(handle);
    }
    leaks = registry.LeakReport(closing);
    registry.CloseOwnerLocked(closing, contexts);
    registry.RetireHandle(SlotOf(handle));
    wake = registry.TakeWakeUp();
  }
  if (wake) HandleTable::Get().Poke();
  // What an owner holds goes with it, which is what owners are for: no reason for a warning.
  for (const std::string& line : leaks) registry.Log(LogLevel::kInfo, line);
  return {};
}

void Registry::CloseOwnerLocked(Owner& closing, Contexts contexts) {
  closing.closed = true;
  // Those that drain already have release functions that have not begun, either.
  if (contexts == Contexts::kDrop) {
    ForEachDraining([&](Callback& callback) {
      if (&callback.owner() == &closing) callback.set(Callback::kDropContext);
    });
  }
  while (closing.first_callback != 0) {
    Callback& callback = CallbackAt(closing.first_callback);
    if (contexts == Contexts::kDrop) callback.set(Callback::kDropContext);
    BeginDrain(callback, Code::kOwnerClosed);
  }
  HandleTable& table = HandleTable::Get();
  for (std::uint32_t held = closing.first_held; held != 0;) {
    const std::uint32_t number = held;
    held = table.cold(number).holder_next;
    Object& object = table.object_of(number);
    if (object.kind == Kind::kOwner) CloseOwnerLocked(static_cast<Owner&>(object), contexts);
    if (object.kind != Kind::kPin) {
      RetireHandle(number);
    } else if (&closing != root_.get()) {
      UnlinkHeld(number, closing);
      LinkHeld(number, *root_);
    }
  }
}

}  // namespace belay::registry
