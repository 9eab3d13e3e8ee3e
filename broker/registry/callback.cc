#include "broker/registry/callback.h"

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

}  // namespace belay::registry
