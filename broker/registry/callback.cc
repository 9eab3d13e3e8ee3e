#include "broker/registry/callback.h"

#include "broker/registry/handle_table.h"

namespace belay::registry {

static_assert(sizeof(Callback) <= ObjectArena::kCellBytes);

Callback::~Callback() { delete extra.load(std::memory_order_acquire); }

CallbackExtra& Callback::NeedExtra(const BreakerOptions& breaker) {
  CallbackExtra* found = extra.load(std::memory_order_relaxed);
  if (found == nullptr) {
    found = new CallbackExtra(*this, breaker);
    extra.store(found, std::memory_order_release);
  }
  return *found;
}

namespace {

Callback& CallbackAt(std::uint32_t number) {
  return static_cast<Callback&>(*HandleTable::Get().objects().Get(number));
}

}  // namespace

void CallbackQueue::PushBack(Callback& callback) noexcept {
  callback.owner_next = 0;
  (first == 0 ? first : CallbackAt(last).owner_next) = callback.id;
  last = callback.id;
}

Callback& CallbackQueue::PopFront() noexcept {
  Callback& callback = CallbackAt(first);
  first = callback.owner_next;
  return callback;
}

void CallbackQueue::Append(CallbackQueue& more) noexcept {
  if (more.empty()) return;
  (first == 0 ? first : CallbackAt(last).owner_next) = more.first;
  last = more.last;
  more.first = 0;
}

}  // namespace belay::registry
