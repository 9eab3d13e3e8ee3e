// Owners, callbacks, handles and names; model_calls.cc has calls and queues.
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

// --- Callbacks ---

Model::Full Model::CountsAsFull(Id owner) const {
  if (CheckHolder(owner) != BELAY_OK) return Full::kNo;
  const Id above = handle(owner).object;
  const std::uint32_t most = owners_[static_cast<std::size_t>(above)].budget.max_callbacks;
  if (most == 0) return Full::kNo;
  std::uint32_t certain = 0;
  std::uint32_t possible = 0;
  for (const Callback& it : callbacks_) {
    if (it.owner != above || it.drained) continue;
    ++possible;
    if (!it.freed) ++certain;
  }
  if (certain >= most) return Full::kYes;
  return possible >= most ? Full::kPerhaps : Full::kNo;
}

belay_status Model::Register(Id owner, const Spec& spec, Full full) {
  if (spec.invalid) return BELAY_INVALID_ARGUMENT;
  Id executor = kNone;
  if (spec.place == Place::kQueue || spec.place == Place::kStrand) {
    const belay_status as_queue = Check(spec.executor, BELAY_KIND_QUEUE);
    const belay_status wrong =
        as_queue == BELAY_WRONG_KIND ? Check(spec.executor, BELAY_KIND_STRAND) : as_queue;
    if (wrong != BELAY_OK) return wrong;
    executor = handle(spec.executor).object;
  }
  if (const belay_status wrong = CheckHolder(owner); wrong != BELAY_OK) return wrong;
  const Id above = handle(owner).object;
  if (full == Full::kYes || IsFull(above)) return BELAY_RESOURCE_EXHAUSTED;
  callbacks_.push_back({.owner = above, .spec = spec, .queue = executor, .references = 1});
  Add(BELAY_KIND_CALLBACK, static_cast<Id>(callbacks_.size()) - 1, above, BELAY_RIGHTS_ALL);
  return BELAY_OK;
}

belay_status Model::Unregister(Id callback) {
  if (const belay_status wrong = Check(callback, BELAY_KIND_CALLBACK); wrong != BELAY_OK)
    return wrong;
  if (CallbackOf(callback).refusal != BELAY_OK) return BELAY_OK;
  if (const belay_status refused = Usable(callback, BELAY_RIGHT_UNREGISTER); refused != BELAY_OK)
    return refused;
  End(CallbackOf(callback), BELAY_UNREGISTERED);
  return BELAY_OK;
}

belay_status Model::Suspend(Id id) {
  if (const belay_status refused = Usable(id, BELAY_RIGHT_UNREGISTER); refused != BELAY_OK)
    return refused;
  Callback& callback = CallbackOf(id);
  if (callback.running != 0) return BELAY_WOULD_DEADLOCK;
  callback.suspended = callback.pins + callback.queued + callback.handed_out == 0;
  return callback.suspended ? BELAY_OK : BELAY_DEADLINE_EXCEEDED;
}

belay_status Model::Resume(Id callback) {
  const belay_status refused = Usable(callback, BELAY_RIGHT_UNREGISTER);
  if (refused == BELAY_OK) CallbackOf(callback).suspended = false;
  return refused;
}

belay_status Model::Quarantine(Id callback) {
  const belay_status refused = Usable(callback, 0);
  if (refused == BELAY_OK) CallbackOf(callback).quarantined = true;
  return refused;
}

belay_status Model::Restore(Id callback) {
  const belay_status refused = Usable(callback, 0);
  if (refused == BELAY_OK) CallbackOf(callback).quarantined = false;
  return refused;
}

belay_status Model::Drain(Id id) const {
  if (const belay_status wrong = Check(id, BELAY_KIND_CALLBACK); wrong != BELAY_OK) return wrong;
  const Callback& it = CallbackOf(id);
  if (it.refusal == BELAY_OK) return BELAY_FAILED_PRECONDITION;
  if (it.running != 0) return BELAY_WOULD_DEADLOCK;
  if (it.drained) return BELAY_OK;
  // On an open queue its release function waits to be polled, which only this thread does.
  const bool waits_for_host =
      it.spec.place == Place::kQueue && executors_[static_cast<std::size_t>(it.queue)].open;
  return it.freed && !waits_for_host ? BELAY_OK : BELAY_DEADLINE_EXCEEDED;
}

belay_status Model::DrainNotify(Id id) const {
  if (const belay_status wrong = Check(id, BELAY_KIND_CALLBACK); wrong != BELAY_OK) return wrong;
  return CallbackOf(id).refusal == BELAY_OK ? BELAY_FAILED_PRECONDITION : BELAY_OK;
}

belay_status Model::Pin(Id id) {
  if (const belay_status wrong = Check(id, BELAY_KIND_CALLBACK); wrong != BELAY_OK) return wrong;
  Callback& callback = CallbackOf(id);
  if (!callback.spec.typed) return BELAY_FAILED_PRECONDITION;
  if (const belay_status refused = Usable(id, BELAY_RIGHT_INVOKE); refused != BELAY_OK)
    return refused;
  const Id holder = handle(id).holder;
  if (IsFull(holder)) return BELAY_RESOURCE_EXHAUSTED;
  ++callback.pins;
  Add(BELAY_KIND_PIN, handle(id).object, holder, 0);
  return BELAY_OK;
}

belay_status Model::Unpin(Id pin) {
  const belay_status wrong = Check(pin, BELAY_KIND_PIN);
  if (wrong == BELAY_OK) Close(pin);
  return wrong;
}

// --- Names ---

void Model::Prune(Name& name) {
  std::erase_if(name.members, [&](const Member& member) {
    Callback& callback = At(callbacks_, member.callback);
    if (callback.refusal == BELAY_OK) return false;
    --callback.references;
    return true;
  });
  if (name.members.empty()) name = {};
}

belay_status Model::Bind(int name_id, Id id, int on_conflict, int policy) {
  if (!handle(kBroker).open) return BELAY_STALE;
  if (const belay_status wrong = Check(id, BELAY_KIND_CALLBACK); wrong != BELAY_OK) return wrong;
  if ((handle(id).rights & BELAY_RIGHT_BIND) == 0) return BELAY_PERMISSION_DENIED;
  Name& name = names_[static_cast<std::size_t>(name_id)];
  Prune(name);
  const Id bound = handle(id).object;
  const bool joins = on_conflict == BELAY_BIND_JOIN;
  if (joins && policy == BELAY_NAME_SINGLE) return BELAY_INVALID_ARGUMENT;
  if (!name.members.empty() && on_conflict != BELAY_BIND_REPLACE) {
    if (!joins) return BELAY_ALREADY_EXISTS;
    if (policy != name.policy) return BELAY_FAILED_PRECONDITION;
    if (std::ranges::count(name.members, bound, &Member::callback) != 0)
      return BELAY_ALREADY_EXISTS;
  }
  if (const belay_status refused = Usable(id, BELAY_RIGHT_RETAIN); refused != BELAY_OK)
    return refused;
  ++CallbackOf(id).references;
  std::vector<Member> replaced;
  if (!joins) replaced.swap(name.members);
  name.members.push_back({bound, handle(id).rights & ~BELAY_RIGHT_UNREGISTER});
  name.policy = policy;
  for (const Member& member : replaced) Unreference(At(callbacks_, member.callback));
  return BELAY_OK;
}

belay_status Model::Unbind(int name_id, Id id) {
  if (!handle(kBroker).open) return BELAY_STALE;
  Name& name = names_[static_cast<std::size_t>(name_id)];
  if (id != kNone) {
    if (const belay_status wrong = Check(id, BELAY_KIND_CALLBACK); wrong != BELAY_OK) return wrong;
  }
  Prune(name);
  const Id only = id == kNone ? kNone : handle(id).object;
  const auto unbound = std::erase_if(name.members, [&](const Member& member) {
    if (id != kNone && member.callback != only) return false;
    Unreference(At(callbacks_, member.callback));
    return true;
  });
  if (name.members.empty()) name = {};
  return unbound == 0 ? BELAY_NOT_FOUND : BELAY_OK;
}

belay_status Model::Resolve(int name_id, Id holder) {
  if (!handle(kBroker).open) return BELAY_STALE;
  Name& name = names_[static_cast<std::size_t>(name_id)];
  Prune(name);
  if (name.members.empty()) return BELAY_NOT_FOUND;
  if (name.policy == BELAY_NAME_BROADCAST) return BELAY_FAILED_PRECONDITION;
  std::vector<Member> awake;
  for (const Member& member : name.members) {
    const Callback& it = callback(member.callback);
    if (!it.suspended && !it.quarantined) awake.push_back(member);
  }
  Member chosen = name.members.front();
  if (name.members.size() > 1 && !awake.empty()) {
    const bool in_turn = name.policy == BELAY_NAME_ROUND_ROBIN;
    chosen = awake[in_turn ? name.turn++ % awake.size() : 0];
  }
  if (const belay_status wrong = CheckHolder(holder); wrong != BELAY_OK) return wrong;
  const Id keeper = handle(holder).object;
  if ((chosen.rights & BELAY_RIGHT_RETAIN) == 0) return BELAY_PERMISSION_DENIED;
  if (IsFull(keeper)) return BELAY_RESOURCE_EXHAUSTED;
  ++At(callbacks_, chosen.callback).references;
  Add(BELAY_KIND_CALLBACK, chosen.callback, keeper, chosen.rights);
  return BELAY_OK;
}

}  // namespace belay::programs
