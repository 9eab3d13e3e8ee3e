// What a registry writes down about its handles, as it happens: events and tombstones (R15).
//
// A part of every register and release, so it is cheap: the system's coarse clock, the thread number that the
// handle table knows anyway, and text only by number.
#include <algorithm>

#include "broker/registry/pin.h"
#include "broker/registry/registry.h"

namespace belay::registry {

using base::Code;
using base::Result;
using base::Status;

namespace {

std::uint32_t CallingThread() noexcept {
  const ThreadRecord* record = tls_record;
  return record == nullptr
             ? 0
             : static_cast<std::uint32_t>(record->thread_id.load(std::memory_order_relaxed));
}

}  // namespace

std::uint32_t Registry::TextOf(Object& object) noexcept {
  Texts& texts = graveyard_->texts();
  switch (object.kind) {
    case Kind::kCallback:
    case Kind::kPin: {
      const Origin& origin = *(object.kind == Kind::kPin ? *static_cast<Pin&>(object).callback
                                                         : static_cast<Callback&>(object))
                                  .origin;
      return texts.Keep(&origin.text_id, origin.label, origin.site);
    }
    case Kind::kOwner: return texts.Keep(&static_cast<Owner&>(object).text_id, object.label(), {});
    case Kind::kBroker: return texts.Keep(&root_->text_id, root_->name, {});
    default: return object.label().empty() ? 0 : texts.Add(object.label(), {});
  }
}

Record Registry::RecordOf(Handle handle, Object& object, Owner& owner,
                          std::int64_t now_ns) noexcept {
  return {handle, now_ns, TextOf(object), TextOf(owner), CallingThread(), 0};
}

void Registry::Note(EventType type, Handle handle, Object& object, Owner& owner,
                    std::int64_t now_ns) noexcept {
  if (events_ == nullptr) return;
  const Record record = RecordOf(handle, object, owner, now_ns);
  events_->Append({0, handle, opened_unix_ns_ + (record.time_ns - opened_ns_), record.tag_id,
                   record.owner_id, record.thread_id, type});
}

void Registry::NoteState(EventType type, Callback& callback) noexcept {
  const std::uint32_t slot = callback.first_slot;
  Note(type, slot == 0 ? 0 : HandleTable::Get().handle_of(slot), callback, callback.owner());
}

void Registry::NoteEnd(std::uint32_t number, Object& object, Owner& holder) noexcept {
  if (events_ == nullptr && !graveyard_->keeps_tombstones()) return;
  const bool is_scope = object.kind == Kind::kOwner || object.kind == Kind::kBroker;
  const Record record = RecordOf(HandleTable::Get().handle_of(number), object, holder,
                                 options_.clock->CoarseMonotonicNs());
  Ending ending = Ending::kReleased;
  if (is_scope && !holder.closed) {
    ending = Ending::kClosed;
  } else if (close_state_ != CloseState::kOpen) {
    ending = Ending::kBrokerClosed;
  } else if (holder.closed) {
    ending = Ending::kOwnerClosed;
  }
  graveyard_->Bury({record.handle, record.time_ns, record.tag_id, record.owner_id, record.thread_id,
                    ending, holder.options.misuse});
  if (events_ == nullptr || object.kind == Kind::kBroker) return;
  events_->Append({0, record.handle, opened_unix_ns_ + (record.time_ns - opened_ns_), record.tag_id,
                   record.owner_id, record.thread_id,
                   is_scope ? EventType::kOwnerClosed : EventType::kReleased});
}

Result<EventPage> Registry::ReadEvents(std::uint64_t from, std::size_t limit,
                                       std::int64_t timeout_ns) {
  if (HandleTable::Forked()) return HandleTable::ForkedStatus();
  if (events_ == nullptr) {
    return Status(Code::kFailedPrecondition, "the broker was opened to keep no events",
                  "NO_EVENTS");
  }
  if (from == 0) from = 1;
  (void)events_->Wait(from, timeout_ns);
  std::vector<HandleEvent> events(std::min(limit, events_->capacity()));
  const EventRing::Page read = events_->Read(from, events);
  EventPage page;
  page.first_kept = read.first_kept;
  page.next = read.next;
  const Texts& texts = graveyard_->texts();
  for (const HandleEvent& event : std::span(events).first(read.count)) {
    Text tag = texts.Find(event.tag_id);
    page.events.push_back(
        {event, std::move(tag.name), std::move(tag.site), texts.Find(event.owner_id).name});
  }
  return page;
}

MisusePolicy Registry::HolderPolicy(Handle handle) {
  const std::uint32_t number = SlotOf(handle);
  Registry& registry = HandleTable::Get().object_of(number).registry();
  const std::lock_guard lock(registry.mutex_);
  // Released meanwhile, it has no holder any more.
  if (HandleTable::Get().form(number) == Form::kRetired) return registry.graveyard_->misuse();
  return registry.HolderOf(number).options.misuse;
}

}  // namespace belay::registry
