// Names, and what is bound to them.
#include <algorithm>

#include "tests/model/programs/model.h"

namespace belay::programs {

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
