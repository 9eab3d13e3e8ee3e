// A GroupQueue turns many threads that each want one thing done into groups that one of them does.
//
// The thread whose request is at the head of the queue leads: it takes the requests queued so far,
// applies them together, hands out the results and wakes the next leader. Those who come meanwhile
// form the next group, so the slower the disk, the larger the groups: this is what lets many sync
// writers share one fsync.
//
// Invariants
//   - Requests are applied in the order in which they were queued, each exactly once.
//   - At most one thread is in `apply` at any time, and it holds no lock of the queue (R8).
//   - A group is one request or as many as fit into `max_group_bytes`; an exclusive request is a
//     group of its own.
//
// Thread safety: Run() may be called from any thread, but not from within `apply`.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace belay::storage {

// Whether a request may be applied together with others.
enum class QueuedAs { kGrouped, kExclusive };

template <typename Request>
class GroupQueue {
 public:
  // Writes each request's result into the request. Must not throw.
  using Apply = std::function<void(std::span<Request* const>)>;

  GroupQueue(std::size_t max_group_bytes, Apply apply)
      : max_group_bytes_(max_group_bytes), apply_(std::move(apply)) {}

  GroupQueue(const GroupQueue&) = delete;
  GroupQueue& operator=(const GroupQueue&) = delete;

  // Returns when `request` has been applied: true if by this thread, as the leader of its group.
  bool Run(Request& request, std::size_t size_bytes, QueuedAs queued_as) {
    Waiter self{&request, size_bytes, queued_as == QueuedAs::kExclusive};
    std::unique_lock lock(mutex_);
    waiters_.push_back(&self);
    self.ready.wait(lock, [&] { return self.done || waiters_.front() == &self; });
    if (self.done) return false;

    const std::size_t group_size = TakeGroup();
    lock.unlock();
    // Only the head of the queue leads, and the group stays at the head until it is done: so this
    // is the one thread that touches `group_`.
    apply_(group_);
    lock.lock();
    for (std::size_t i = 0; i < group_size; ++i) {
      Waiter* waiter = waiters_.front();
      waiters_.pop_front();
      waiter->done = true;
      // Under the lock: once it is free, a waiter may return and take its condition with it.
      if (waiter != &self) waiter->ready.notify_one();
    }
    if (!waiters_.empty()) waiters_.front()->ready.notify_one();
    return true;
  }

 private:
  struct Waiter {
    Request* request;
    std::size_t size_bytes;
    bool exclusive;
    bool done = false;
    std::condition_variable ready = {};
  };

  // REQUIRES: mutex_ held and the queue not empty.
  std::size_t TakeGroup() {
    group_.clear();
    std::size_t group_bytes = 0;
    for (const Waiter* waiter : waiters_) {
      if (!group_.empty()) {
        if (waiter->exclusive || group_bytes + waiter->size_bytes > max_group_bytes_) break;
      }
      group_.push_back(waiter->request);
      group_bytes += waiter->size_bytes;
      if (waiter->exclusive) break;
    }
    return group_.size();
  }

  const std::size_t max_group_bytes_;
  const Apply apply_;
  std::mutex mutex_;
  std::deque<Waiter*> waiters_;  // guarded by mutex_; front: the leader
  std::vector<Request*> group_;  // of the leader, reused from group to group
};

}  // namespace belay::storage
