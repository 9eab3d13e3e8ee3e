// Handles and owners; the rest of the model by theme: model_callbacks.cc, model_calls.cc, model_names.cc.
#include "tests/model/programs/model.h"

#include <algorithm>

namespace belay::programs {

void Model::Reset() {
  owners_.assign(1, {.parent = kNone, .budget = {}});
  handles_.assign(1, {BELAY_KIND_BROKER, kBroker, kBroker, 0});
  callbacks_.clear();
  executors_.clear();
  tickets_.clear();
  names_ = {};
  freed_.clear();
}

belay_status Model::Check(Id id, std::uint32_t kind) const {
  if (id == kForged) return BELAY_MALFORMED;
  if (!handle(id).open) return BELAY_STALE;
  return handle(id).kind == kind ? BELAY_OK : BELAY_WRONG_KIND;
}

belay_status Model::CheckHolder(Id id) const {
  const belay_status as_owner = Check(id, BELAY_KIND_OWNER);
  return as_owner == BELAY_WRONG_KIND ? Check(id, BELAY_KIND_BROKER) : as_owner;
}

belay_status Model::Usable(Id id, std::uint32_t right) const {
  if (const belay_status wrong = Check(id, BELAY_KIND_CALLBACK); wrong != BELAY_OK) return wrong;
  const Callback& callback = CallbackOf(id);
  if (right == BELAY_RIGHT_INVOKE && callback.suspended) return BELAY_SUSPENDED;
  if (right == BELAY_RIGHT_INVOKE && callback.quarantined) return BELAY_QUARANTINED;
  if (callback.refusal != BELAY_OK) return callback.refusal;
  return (handle(id).rights & right) == right ? BELAY_OK : BELAY_PERMISSION_DENIED;
}

bool Model::IsFree(Id id) const {
  const Callback& it = callback(id);
  return it.refusal != BELAY_OK && it.pins == 0 && it.running == 0 && it.queued == 0 &&
         it.handed_out == 0;
}

void Model::NoteIfFree(Callback& callback) {
  const Id id = static_cast<Id>(&callback - callbacks_.data());
  if (callback.freed || !IsFree(id)) return;
  callback.freed = true;
  freed_.push_back(id);
}

// --- Handles ---

bool Model::IsFull(Id owner) const {
  const Owner& it = owners_[static_cast<std::size_t>(owner)];
  return it.budget.max_handles != 0 && it.held >= it.budget.max_handles;
}

void Model::Add(std::uint32_t kind, Id object, Id holder, std::uint32_t rights) {
  handles_.push_back({kind, object, holder, rights});
  ++At(owners_, holder).held;
}

void Model::Close(Id id) {
  Handle& closing = At(handles_, id);
  closing.open = false;
  --At(owners_, closing.holder).held;
  switch (closing.kind) {
    case BELAY_KIND_CALLBACK: Unreference(At(callbacks_, closing.object)); break;
    case BELAY_KIND_PIN:
      --At(callbacks_, closing.object).pins;
      NoteIfFree(At(callbacks_, closing.object));
      break;
    case BELAY_KIND_QUEUE:
    case BELAY_KIND_STRAND: CloseExecutor(closing.object); break;
    default: break;
  }
}

void Model::Unreference(Callback& callback) {
  if (--callback.references == 0) End(callback, BELAY_STALE);
}

void Model::End(Callback& callback, belay_status refusal) {
  if (callback.refusal != BELAY_OK) return;
  callback.refusal = refusal;
  callback.suspended = false;
  callback.quarantined = false;
  NoteIfFree(callback);
}

belay_status Model::Retain(Id callback, Id holder, std::uint32_t rights) {
  if (const belay_status wrong = Check(callback, BELAY_KIND_CALLBACK); wrong != BELAY_OK)
    return wrong;
  if (holder != kSame) {
    if (const belay_status wrong = CheckHolder(holder); wrong != BELAY_OK) return wrong;
  }
  if (const belay_status refused = Usable(callback, BELAY_RIGHT_RETAIN); refused != BELAY_OK)
    return refused;
  const Handle original = handle(callback);
  if ((rights & ~original.rights) != 0) return BELAY_PERMISSION_DENIED;
  const Id keeper = holder == kSame ? original.holder : handle(holder).object;
  if (IsFull(keeper)) return BELAY_RESOURCE_EXHAUSTED;
  ++CallbackOf(callback).references;
  Add(BELAY_KIND_CALLBACK, original.object, keeper, rights == 0 ? original.rights : rights);
  return BELAY_OK;
}

belay_status Model::Release(Id id) {
  if (id == kForged) return BELAY_MALFORMED;
  const Handle& released = handle(id);
  if (!released.open) return BELAY_STALE;
  if (released.kind == BELAY_KIND_BROKER || released.kind == BELAY_KIND_OWNER)
    return BELAY_WRONG_KIND;
  Close(id);
  return BELAY_OK;
}

belay_status Model::Transfer(Id id, Id holder) {
  if (id == kForged) return BELAY_MALFORMED;
  Handle& moved = At(handles_, id);
  if (!moved.open) return BELAY_STALE;
  if (moved.kind == BELAY_KIND_BROKER) return BELAY_WRONG_KIND;
  if (const belay_status wrong = CheckHolder(holder); wrong != BELAY_OK) return wrong;
  if (moved.kind == BELAY_KIND_OWNER) return BELAY_INVALID_ARGUMENT;
  const Id keeper = handle(holder).object;
  if (IsFull(keeper) && keeper != moved.holder) return BELAY_RESOURCE_EXHAUSTED;
  --At(owners_, moved.holder).held;
  moved.holder = keeper;
  ++At(owners_, keeper).held;
  return BELAY_OK;
}

// --- Owners ---

belay_status Model::OpenOwner(Id parent, Budget budget) {
  if (const belay_status wrong = CheckHolder(parent); wrong != BELAY_OK) return wrong;
  const Id above = handle(parent).object;
  int depth = 0;  // the broker's own owner does not count
  for (Id outer = above; outer != kNone; outer = At(owners_, outer).parent) ++depth;
  constexpr int kMostNested = 32;
  if (depth > kMostNested) return BELAY_RESOURCE_EXHAUSTED;
  if (IsFull(above)) return BELAY_RESOURCE_EXHAUSTED;
  owners_.push_back({.parent = above, .budget = budget});
  Add(BELAY_KIND_OWNER, static_cast<Id>(owners_.size()) - 1, above, 0);
  return BELAY_OK;
}

belay_status Model::CloseOwner(Id owner, int mode) {
  if (const belay_status wrong = Check(owner, BELAY_KIND_OWNER); wrong != BELAY_OK) return wrong;
  CloseTree(handle(owner).object, mode);
  Close(owner);
  return BELAY_OK;
}

void Model::CloseTree(Id owner, int mode) {
  At(owners_, owner).open = false;
  for (Callback& callback : callbacks_) {
    if (callback.owner != owner) continue;
    if (mode == BELAY_DETACH_DROP && !callback.drained)
      (callback.freed ? callback.may_be_dropped : callback.dropped) = true;
    End(callback, BELAY_OWNER_CLOSED);
  }
  for (Id id = 0; id < handles(); ++id) {
    Handle& held = At(handles_, id);
    if (!held.open || held.holder != owner || held.kind == BELAY_KIND_BROKER) continue;
    if (held.kind == BELAY_KIND_OWNER) CloseTree(held.object, mode);
    if (held.kind != BELAY_KIND_PIN) {
      Close(id);
    } else if (owner != kBroker) {  // a pin is good until it is unpinned
      --At(owners_, owner).held;
      held.holder = kBroker;
      ++At(owners_, kBroker).held;
    }
  }
}

belay_status Model::CloseBroker() {
  if (!handle(kBroker).open) return BELAY_STALE;
  for (Name& name : names_) {
    for (const Member& member : name.members) Unreference(At(callbacks_, member.callback));
    name.members.clear();
  }
  CloseTree(kBroker, BELAY_DETACH_RELEASE);
  At(handles_, kBroker).open = false;
  const auto any = [&](auto in_use) { return std::ranges::any_of(callbacks_, in_use); };
  if (any([](const Callback& it) { return it.running != 0; })) return BELAY_WOULD_DEADLOCK;
  const bool held = any([](const Callback& it) { return it.pins + it.handed_out != 0; });
  return held ? BELAY_DEADLINE_EXCEEDED : BELAY_OK;
}

}  // namespace belay::programs
