#include "broker/registry/queue.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "broker/base/brief_lock.h"
#include "broker/base/deadline.h"

namespace belay::registry {
namespace {

using base::Code;
using base::Status;

// How often an empty queue is looked at before a sleep: for some ten microseconds, what a sleep and a wake-up cost.
constexpr int kLooks = 400;
// A poller that takes more than one gives the first some two microseconds to be joined by others. Else a poller that
// is quicker than who queues takes them one by one, at three times the cost for both.
constexpr int kBreath = 100;

}  // namespace

void Queue::LookOut(std::unique_lock<std::mutex>& lock, std::size_t wanted) const {
  lock.unlock();
  for (int looks = 0; looks < kLooks && !stirred_.load(std::memory_order_relaxed); ++looks)
    base::SpinPause();
  for (int pauses = 0; wanted > 1 && pauses < kBreath; ++pauses) base::SpinPause();
  lock = base::LockBriefly(mutex_);
}

Queue::Queue(ExecutorOptions options) : backlog_("queue", std::move(options)) {}

Queue::~Queue() { Close(); }

// Called whenever works are left behind under the lock. Sees to it that somebody comes for them; true: by
// notifying came_, once the lock is free.
//
// Everything that decides it is written and read under mutex_, so the order of critical sections is the
// order of events. A poller goes to sleep in the same critical section in which it found nothing: whoever
// queues something is either before it, and is found, or after it, and sees sleeping_. `summoned_` is set
// only while somebody sleeps, is followed by a notify, and is cleared by the first sleeper that comes back
// from came_, for whatever reason it does: that one then looks for works, and if it leaves some, or took
// none because others were quicker, the next to leave works behind summons anew. The notify comes after the
// lock is let go and may so reach a sleeper that came later, or none if the one it was meant for has timed
// out in between: it has then cleared `summoned_` and found the works all the same.
bool Queue::Summon() noexcept {
  if (summoned_) return false;
  if (sleeping_ == 0) {
    SetReadable();
    return false;
  }
  summoned_ = true;
  ++wakeups_;
  return true;
}

// Writing to and reading from an eventfd that does not block can only fail on a full or an empty counter,
// and `readable_` knows which it is.
void Queue::SetReadable() noexcept {
  if (readable_ || !event_fd_.valid()) return;
  readable_ = ::eventfd_write(event_fd_.get(), 1) == 0;
  ++wakeups_;
}

void Queue::ClearReadable() noexcept {
  if (!readable_) return;
  eventfd_t count = 0;
  ::eventfd_read(event_fd_.get(), &count);
  readable_ = false;
}

Status Queue::Enqueue(Work* work) {
  const std::size_t size_bytes = work->size_bytes();
  std::unique_lock lock = base::LockBriefly(mutex_);
  const Backlog::Verdict verdict = backlog_.Ask(size_bytes);
  if (verdict != Backlog::Verdict::kFits) {
    const Backlog::Load load = backlog_.load();
    lock.unlock();
    return backlog_.Explain(verdict, size_bytes, load);
  }
  backlog_.PushCall(work, size_bytes);
  stirred_.store(true, std::memory_order_relaxed);
  const bool notify = Summon();
  lock.unlock();
  if (notify) came_.notify_one();
  return {};
}

bool Queue::EnqueueRelease(Work* work) noexcept {
  std::unique_lock lock = base::LockBriefly(mutex_);
  if (backlog_.closed()) return false;
  backlog_.PushRelease(work);
  stirred_.store(true, std::memory_order_relaxed);
  const bool notify = Summon();
  lock.unlock();
  if (notify) came_.notify_one();
  return true;
}

Polled Queue::Poll(std::span<Work*> out, std::int64_t timeout_ns) {
  std::unique_lock lock = base::LockBriefly(mutex_);
  if (backlog_.empty() && timeout_ns != 0 && !backlog_.closed() && interrupts_ == 0)
    LookOut(lock, out.size());
  if (backlog_.empty() && timeout_ns != 0) {
    const auto deadline =
        base::TimePointOf(base::DeadlineAfter(timeout_ns < 0 ? base::kForEverNs : timeout_ns));
    bool in_time = true;
    while (backlog_.empty() && !backlog_.closed()) {
      if (interrupts_ > 0) {
        --interrupts_;
        return {Polled::Why::kInterrupted};
      }
      if (!in_time) break;
      ++sleeping_;
      in_time = came_.wait_until(lock, deadline) == std::cv_status::no_timeout;
      --sleeping_;
      summoned_ = false;
    }
  }
  if (backlog_.closed()) return {Polled::Why::kClosed};
  if (backlog_.empty()) return {Polled::Why::kTimeout};

  std::size_t count = 0;
  if (backlog_.size() <= out.size()) {
    WorkList all = backlog_.TakeAll();
    stirred_.store(false, std::memory_order_relaxed);
    ClearReadable();
    lock.unlock();
    // Each is in the cache of the thread that queued it, which need not wait meanwhile.
    while (!all.empty()) out[count++] = all.PopFront();
    return {Polled::Why::kWorks, count};
  }
  while (count < out.size()) out[count++] = backlog_.Pop();
  const bool notify = Summon();
  lock.unlock();
  if (notify) came_.notify_one();
  return {Polled::Why::kWorks, count};
}

void Queue::Interrupt() noexcept {
  {
    const std::lock_guard lock(mutex_);
    ++interrupts_;
    stirred_.store(true, std::memory_order_relaxed);
  }
  came_.notify_one();
}

base::Result<int> Queue::EventFd() {
  const std::lock_guard lock(mutex_);
  if (!event_fd_.valid()) {
    event_fd_.Reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event_fd_.valid()) {
      return Status(Code::kResourceExhausted, backlog_.title() + " cannot have an eventfd: " +
                                                  std::strerror(errno) + " (ulimit -n)");
    }
    if (!backlog_.empty() || backlog_.closed()) SetReadable();
  }
  return event_fd_.get();
}

void Queue::Close() noexcept {
  std::unique_lock lock(mutex_);
  WorkList queued = backlog_.Close();
  stirred_.store(true, std::memory_order_relaxed);
  SetReadable();
  lock.unlock();
  came_.notify_all();
  queued.RefuseAll(backlog_.closed_status());
}

QueueStats Queue::stats() const {
  const std::lock_guard lock(mutex_);
  return {backlog_.load(), sleeping_, wakeups_};
}

}  // namespace belay::registry
