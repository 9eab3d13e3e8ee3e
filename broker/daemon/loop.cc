#include "broker/daemon/loop.h"

#include <algorithm>
#include <utility>

namespace belay::daemon {
namespace {

// Under load there is always one more event: what the turn has produced must leave all the same.
constexpr int kMaxEventsPerTurn = 256;

}  // namespace

Loop::Loop(Hub& hub, std::unique_ptr<grpc::ServerCompletionQueue> queue)
    : hub_(hub), queue_(std::move(queue)) {
  hub_.inbox.SetWake([this] { Wake(); });
}

void Loop::Run() {
  hub_.inbox.Adopt();
  const gpr_timespec now = gpr_inf_past(GPR_CLOCK_MONOTONIC);
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) {
    int events = 0;
    do {
      static_cast<Event*>(tag)->OnEvent(ok);
    } while (++events < kMaxEventsPerTurn &&
             queue_->AsyncNext(&tag, &ok, now) == grpc::CompletionQueue::GOT_EVENT);
    Turn();
  }
  hub_.inbox.Drain();
}

void Loop::Turn() {
  hub_.inbox.Drain();
  if (hub_.deadlines.size() != 0) hub_.deadlines.Advance(hub_.clock().MonotonicNs());
  // Flushing sends, and never queues another flush.
  for (Flushable* const flushable : std::exchange(flushables_, {})) {
    flushable->is_queued_ = false;
    flushable->Flush();
  }
  if (is_ending_ && calls_ == 0) CloseQueue();
  ArmTimer();
}

void Loop::FlushLater(Flushable& flushable) {
  if (std::exchange(flushable.is_queued_, true)) return;
  flushables_.push_back(&flushable);
}

void Loop::ArmTimer() {
  const std::int64_t next_ns = hub_.deadlines.NextNs();
  if (next_ns >= timer_ns_ || is_shut_down_) return;
  timer_ns_ = next_ns;
  if (is_timer_set_) {
    // Its event, which comes now, sets it anew.
    timer_.Cancel();
    return;
  }
  is_timer_set_ = true;
  const std::int64_t left_ns = std::max<std::int64_t>(next_ns - hub_.clock().MonotonicNs(), 0);
  timer_.Set(queue_.get(),
             gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(left_ns, GPR_TIMESPAN)),
             timer_event_.tag());
}

void Loop::OnTimer(bool) {
  // The turn that this event is part of does what is due, and sets the alarm again.
  is_timer_set_ = false;
  timer_ns_ = Deadlines::kNever;
}

void Loop::Wake() {
  const std::lock_guard lock(wake_mutex_);
  if (is_shut_down_ || std::exchange(is_wake_set_, true)) return;
  wake_.Set(queue_.get(), gpr_now(GPR_CLOCK_MONOTONIC), wake_event_.tag());
}

void Loop::OnWake(bool) {
  const std::lock_guard lock(wake_mutex_);
  is_wake_set_ = false;
}

void Loop::Shutdown() {
  hub_.inbox.Post([this] { is_ending_ = true; });
}

void Loop::CloseQueue() {
  {
    const std::lock_guard lock(wake_mutex_);
    if (std::exchange(is_shut_down_, true)) return;
  }
  timer_.Cancel();
  queue_->Shutdown();
}

}  // namespace belay::daemon
