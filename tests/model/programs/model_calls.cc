// Calls, and the queues that hold them.
#include <algorithm>

#include "tests/model/programs/model.h"

namespace belay::programs {

belay_status Model::Admit(Id id, Door door) const {
  if (const belay_status wrong = Check(id, BELAY_KIND_CALLBACK); wrong != BELAY_OK) return wrong;
  const Callback& it = CallbackOf(id);
  const belay_status refused = Usable(id, BELAY_RIGHT_INVOKE);
  const std::uint32_t in_use =
      it.spec.place == Place::kInline ? it.running : it.queued + it.handed_out;
  const bool full = it.spec.max_concurrency != 0 && in_use >= it.spec.max_concurrency;
  // A call that is submitted asks for its place first, and for the quarantine's permission then.
  const bool may_invoke = (handle(id).rights & BELAY_RIGHT_INVOKE) != 0;
  if (refused == BELAY_QUARANTINED && door == Door::kSubmit && may_invoke && full &&
      it.spec.place == Place::kQueue)
    return BELAY_RESOURCE_EXHAUSTED;
  if (refused != BELAY_OK) return refused;
  if (it.spec.typed) return BELAY_FAILED_PRECONDITION;
  // All that run inline run on this thread: to wait for one of them is to wait for oneself.
  if (full) return it.spec.waits ? BELAY_WOULD_DEADLOCK : BELAY_RESOURCE_EXHAUSTED;
  if (it.spec.place != Place::kQueue) return BELAY_OK;
  const Executor& queue = executor(it.queue);
  return queue.open && queue.queued.size() >= queue.max_calls ? BELAY_RESOURCE_EXHAUSTED : BELAY_OK;
}

void Model::BeginInline(Id id) {
  Callback& callback = CallbackOf(id);
  ++callback.running;
  ++callback.calls;
  if (callback.spec.once) End(callback, BELAY_FAILED_PRECONDITION);
}

void Model::EndInline(Id callback_id, bool failed) {
  Callback& callback = At(callbacks_, callback_id);
  --callback.running;
  if (failed) ++callback.failures;
  NoteIfFree(callback);
}

belay_status Model::OpenExecutor(Id owner, std::uint32_t kind, std::uint32_t max_calls) {
  if (const belay_status wrong = CheckHolder(owner); wrong != BELAY_OK) return wrong;
  const Id holder = handle(owner).object;
  if (IsFull(holder)) return BELAY_RESOURCE_EXHAUSTED;
  executors_.push_back({.max_calls = max_calls});
  Add(kind, static_cast<Id>(executors_.size()) - 1, holder, 0);
  return BELAY_OK;
}

// Queued calls end as CLOSED; those that were handed out may be ABANDONED for their callers, soon.
void Model::CloseExecutor(Id id) {
  Executor& closing = At(executors_, id);
  closing.open = false;
  closing.queued.clear();
  for (Ticket& ticket : tickets_) {
    if (ticket.queue != id || ticket.callback == kNone) continue;
    Callback& callback = At(callbacks_, ticket.callback);
    if (!ticket.handed_out) {
      if (!ticket.ended) ticket.outcome = ticket.or_outcome = BELAY_CLOSED;
      ticket.ended = true;
      ticket.callback = kNone;
      --callback.queued;
      NoteIfFree(callback);
    } else if (!ticket.ended) {
      ticket.or_outcome = BELAY_ABANDONED;
    }
  }
}

Id Model::Enqueue(Id id) {
  Callback& callback = CallbackOf(id);
  const Id ticket = static_cast<Id>(tickets_.size());
  tickets_.push_back({.callback = handle(id).object, .queue = callback.queue});
  Executor& queue = At(executors_, callback.queue);
  ++callback.queued;
  queue.queued.push_back(ticket);
  return ticket;
}

belay_status Model::Poll(Id id, std::vector<Id>* taken) {
  if (const belay_status wrong = Check(id, BELAY_KIND_QUEUE); wrong != BELAY_OK) return wrong;
  Executor& queue = At(executors_, handle(id).object);
  for (const Id number : queue.queued) {
    Ticket& ticket = At(tickets_, number);
    Callback& callback = At(callbacks_, ticket.callback);
    --callback.queued;
    if (ticket.ended) {  // cancelled: it goes no further
      ticket.callback = kNone;
      NoteIfFree(callback);
      continue;
    }
    ++callback.handed_out;
    ticket.handed_out = true;
    taken->push_back(number);
  }
  queue.queued.clear();
  return BELAY_OK;
}

belay_status Model::Finish(Id id, belay_status outcome) {
  Ticket& ticket = At(tickets_, id);
  if (ticket.callback == kNone || !ticket.handed_out) return BELAY_NOT_FOUND;
  Callback& callback = At(callbacks_, ticket.callback);
  ticket.callback = kNone;
  --callback.handed_out;
  if (!ticket.ended) ticket.outcome = outcome;
  if (ticket.or_outcome == BELAY_OK) ticket.or_outcome = ticket.outcome;
  ticket.ended = true;
  NoteIfFree(callback);
  return BELAY_OK;
}

belay_status Model::Cancel(Id id, int mode) {
  Ticket& ticket = At(tickets_, id);
  if (ticket.outcome == BELAY_CLOSED) ticket.or_outcome = BELAY_CANCELLED;
  if (ticket.ended) return BELAY_NOT_FOUND;
  if (mode == BELAY_CANCEL_ASK && ticket.handed_out) return BELAY_OK;
  ticket.ended = true;
  ticket.outcome = BELAY_CANCELLED;
  if (ticket.or_outcome == BELAY_OK) ticket.or_outcome = ticket.outcome;
  return BELAY_OK;
}

}  // namespace belay::programs
