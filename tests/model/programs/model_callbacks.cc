// Callbacks: registered, suspended, quarantined, pinned, unregistered, drained.
#include "tests/model/programs/model.h"

namespace belay::programs {

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

}  // namespace belay::programs
