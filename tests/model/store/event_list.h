// The invocations and returns of a history in order of time, as a list from which an operation can
// be lifted and to which it can be returned, each in constant time (Lowe 2017, see
// linearizability.h).
//
// Invariants
//   - An operation's two events are both in the list or both lifted; one of unknown outcome has no
//     return.
//   - Operations are put back in the reverse order of lifting: an event's neighbours are then those
//     it was lifted from.
//
// Thread safety: none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "tests/model/store/history.h"

namespace belay::store_model {

class EventList {
 public:
  struct Event {
    std::size_t operation = 0;  // its index
    bool is_invocation = false;
    Ticket ticket = 0;
    Event* previous = nullptr;
    Event* next = nullptr;
    Event* its_return = nullptr;  // of an invocation; null: never returned
  };

  explicit EventList(const std::vector<const Operation*>& operations) {
    events_.reserve(2 * operations.size());
    for (std::size_t i = 0; i < operations.size(); ++i) {
      const Operation& operation = *operations[i];
      events_.push_back({.operation = i, .is_invocation = true, .ticket = operation.invoked});
      if (operation.result.outcome == Outcome::kUnknown) continue;
      events_.push_back({.operation = i, .ticket = operation.returned});
      ++return_count_;
    }
    std::sort(events_.begin(), events_.end(),
              [](const Event& a, const Event& b) { return a.ticket < b.ticket; });
    std::vector<Event*> invocations(operations.size());
    Event* last = &head_;
    for (Event& event : events_) {
      last->next = &event;
      event.previous = last;
      last = &event;
      Event*& invocation = invocations[event.operation];
      if (event.is_invocation) {
        invocation = &event;
      } else {
        invocation->its_return = &event;
      }
    }
  }
  EventList(const EventList&) = delete;
  EventList& operator=(const EventList&) = delete;

  Event* first() const noexcept { return head_.next; }
  // While there are, what is first in the list or after an invocation in it is an event.
  bool has_returns() const noexcept { return return_count_ > 0; }

  void Lift(Event& invocation) {
    Unlink(invocation);
    if (invocation.its_return == nullptr) return;
    Unlink(*invocation.its_return);
    --return_count_;
  }

  void PutBack(Event& invocation) {
    if (invocation.its_return != nullptr) {
      Relink(*invocation.its_return);
      ++return_count_;
    }
    Relink(invocation);
  }

 private:
  static void Unlink(Event& event) {
    event.previous->next = event.next;
    if (event.next != nullptr) event.next->previous = event.previous;
  }
  static void Relink(Event& event) {
    event.previous->next = &event;
    if (event.next != nullptr) event.next->previous = &event;
  }

  std::vector<Event> events_;
  Event head_;
  std::size_t return_count_ = 0;
};

}  // namespace belay::store_model
