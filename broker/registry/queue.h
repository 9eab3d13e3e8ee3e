// A queue: hands work to a host that polls, which is how Node, Python, game loops and UI threads take part.
//
// The host takes works in batches, and Run()s each on a thread of its choice, or Refuse()s it, or lets it
// complete in whatever way the Work has. It may block in Poll(), or watch an eventfd from an event loop
// of its own and Poll() without blocking. Pollers come and go; the queue stays.
//
// A poller that finds nothing looks on for some microseconds before it sleeps: a sleep and a wake-up cost each
// side a system call.
//
// Invariants
//   - A work that was taken is handed to exactly one Poll(), or refused by Close(): calls and release
//     functions alike.
//   - No wake-up is lost: while works are queued and `mutex_` is free, a woken poller is on its way, or
//     no poller sleeps and the eventfd, if there is one, is readable.
//   - No needless wake-up: no futex wake and no eventfd write while a woken poller is on its way, or while
//     nobody sleeps and the eventfd is readable already (or was never asked for). So a busy queue makes no
//     system calls.
//   - Once closed, Poll() says so at once and the eventfd stays readable.
//
// Thread safety: every method may be called from any thread. REQUIRES of the destructor: no thread is
// inside a method.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>

#include "broker/base/status.h"
#include "broker/base/unique_fd.h"
#include "broker/registry/backlog.h"
#include "broker/registry/executor.h"

namespace belay::registry {

// How a Poll() ended.
struct Polled {
  enum class Why : std::uint8_t { kWorks, kTimeout, kInterrupted, kClosed };
  Why why;
  std::size_t count = 0;  // works handed over; 0 unless kWorks
};

struct QueueStats {
  Backlog::Load queued;
  std::size_t sleeping_pollers = 0;
  std::uint64_t wakeups =
      0;  // how often a poller was woken, or the eventfd made readable, for works
};

class Queue final : public Executor {
 public:
  static constexpr std::int64_t kForever = -1;

  explicit Queue(ExecutorOptions options);
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;
  // Closes it.
  ~Queue() override;

  base::Status Enqueue(Work* work) override;
  bool EnqueueRelease(Work* work) noexcept override;

  // Hands over the oldest works, up to as many as fit into `out`; they are the caller's to end. With
  // none queued it waits for `timeout_ns`: 0 is not at all, negative is kForever. When it has waited, and may take
  // several, it waits some two microseconds more.
  Polled Poll(std::span<Work*> out, std::int64_t timeout_ns);

  // Ends one wait in Poll(): that of a poller that sleeps now, else the next one that is about to begin.
  // So it cannot come too early. A Poll() that need not wait, or may not, uses none up.
  void Interrupt() noexcept;

  // A file descriptor that is readable while there is something to poll; only ever wait for it (poll,
  // epoll, kqueue of libuv or asyncio), level-triggered: Poll() is what empties it. It is the queue's and
  // lives as long. RESOURCE_EXHAUSTED if the process has no more.
  base::Result<int> EventFd();

  // Refuses what is queued, on the calling thread, and ends every wait. What has been polled already is
  // the host's, and stays valid.
  void Close() noexcept;

  QueueStats stats() const;

 private:
  bool Summon() noexcept;
  void SetReadable() noexcept;
  void ClearReadable() noexcept;

  // Waits for something to poll without sleeping, and without the lock; gives up soon.
  void LookOut(std::unique_lock<std::mutex>& lock, std::size_t wanted) const;

  mutable std::mutex mutex_;
  std::condition_variable came_;
  // A hint for LookOut(): that there is something to poll, or the queue was closed, or interrupted.
  std::atomic<bool> stirred_{false};
  // All of the following is guarded by mutex_.
  Backlog backlog_;
  std::size_t sleeping_ = 0;      // pollers that wait on came_
  bool summoned_ = false;         // one of them was notified for works, and has not come yet
  std::uint64_t interrupts_ = 0;  // asked for, and not yet used up
  std::uint64_t wakeups_ = 0;
  base::UniqueFd event_fd_;
  bool readable_ = false;  // event_fd_'s counter is 1, not 0
};

}  // namespace belay::registry
