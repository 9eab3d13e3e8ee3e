#include "broker/daemon/deadlines.h"

namespace belay::daemon {

void Deadlines::Entry::Withdraw() {
  if (deadlines_ != nullptr) deadlines_->Remove(index_);
}

void Deadlines::Set(Entry& entry, std::int64_t at_ns) {
  entry.deadlines_ = this;
  heap_.push_back({at_ns, &entry});
  SiftUp(heap_.size() - 1, {at_ns, &entry});
}

void Deadlines::Advance(std::int64_t now_ns) {
  while (!heap_.empty() && heap_.front().at_ns <= now_ns) {
    Entry* const due = heap_.front().entry;
    Remove(0);
    due->OnDeadline();
  }
}

void Deadlines::Put(std::size_t index, Place place) {
  heap_[index] = place;
  place.entry->index_ = index;
}

void Deadlines::SiftUp(std::size_t index, Place place) {
  while (index > 0) {
    const std::size_t parent = (index - 1) / 2;
    if (heap_[parent].at_ns <= place.at_ns) break;
    Put(index, heap_[parent]);
    index = parent;
  }
  Put(index, place);
}

void Deadlines::SiftDown(std::size_t index, Place place) {
  for (;;) {
    std::size_t child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].at_ns < heap_[child].at_ns) ++child;
    if (place.at_ns <= heap_[child].at_ns) break;
    Put(index, heap_[child]);
    index = child;
  }
  Put(index, place);
}

void Deadlines::Remove(std::size_t index) {
  heap_[index].entry->deadlines_ = nullptr;
  const Place last = heap_.back();
  heap_.pop_back();
  if (index == heap_.size()) return;
  // The last entry takes the free place, and may belong above it as well as below.
  if (index > 0 && last.at_ns < heap_[(index - 1) / 2].at_ns) {
    SiftUp(index, last);
  } else {
    SiftDown(index, last);
  }
}

}  // namespace belay::daemon
