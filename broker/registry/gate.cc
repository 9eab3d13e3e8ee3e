#include "broker/registry/gate.h"

#include "broker/base/deadline.h"

namespace belay::registry {

using base::Code;
using base::Status;

Status Gate::Enter(Caller caller, std::int64_t deadline_ns) {
  if (options_.max_concurrency == 0) return {};
  std::unique_lock lock(mutex_);
  if (closed_) return {Code::kUnregistered, "callback \"" + name_ + "\" takes no more calls"};
  if (running_ < options_.max_concurrency) {
    ++running_;
    return {};
  }
  const std::string bound = "callback \"" + name_ + "\" runs " + std::to_string(running_) +
                            " calls at a time, max_concurrency is " +
                            std::to_string(options_.max_concurrency);
  if (options_.on_full == OnFull::kReject) {
    return {Code::kResourceExhausted, bound + "; call again when one has returned",
            "MAX_CONCURRENCY"};
  }
  if (caller == Caller::kInside) {
    return {Code::kWouldDeadlock,
            bound + ": a call from inside it would wait for the call it is made from"};
  }
  Waiter self;
  const auto place = waiters_.insert(waiters_.end(), &self);
  const auto over = [&] { return self.let_in || closed_; };
  if (deadline_ns == 0) {
    self.changed.wait(lock, over);
  } else {
    (void)self.changed.wait_until(lock, base::TimePointOf(deadline_ns), over);
  }
  if (self.let_in) return {};
  if (closed_) return {Code::kUnregistered, "callback \"" + name_ + "\" takes no more calls"};
  waiters_.erase(place);
  return {Code::kDeadlineExceeded, bound + ": the deadline passed while the call waited its turn"};
}

void Gate::Leave() noexcept {
  if (options_.max_concurrency == 0) return;
  const std::lock_guard lock(mutex_);
  if (waiters_.empty()) {
    --running_;
    return;
  }
  // The place goes to the oldest who waits: nobody who comes now can overtake.
  Waiter& next = *waiters_.front();
  waiters_.pop_front();
  next.let_in = true;
  next.changed.notify_one();  // under the lock: `next` lives on its thread's stack
}

Status Gate::Begin() {
  if (!options_.once || !called_.exchange(true, std::memory_order_acq_rel)) return {};
  return {Code::kFailedPrecondition,
          "callback \"" + name_ + "\" may be called once and was: register another",
          "ALREADY_CALLED"};
}

void Gate::Close() noexcept {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (Waiter* const waiter : waiters_) waiter->changed.notify_one();
  waiters_.clear();
}

std::size_t Gate::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiters_.size();
}

}  // namespace belay::registry
