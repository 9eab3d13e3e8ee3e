// A pool: runs work on a few threads of its own, which start when they are first needed.
//
// The threads are std::thread and the list is the executors' own (backlog.h) rather than an
// asio::thread_pool, whose post() allocates, whose stop() destroys what is queued where it must be
// refused, and which starts all of its threads at once: with all three worked around, nothing of it
// would be left but the threads.
//
// Invariants
//   - Works begin in the order in which they were taken; while one waits, no thread is idle and none
//     more may be started.
//   - A release function that was taken runs: no thread of the pool ends before Close().
//   - After Close() on a thread that is not the pool's, no thread of the pool is left.
//
// Thread safety: every method may be called from any thread, also from inside a Work that the pool runs;
// the destructor too, but not while another thread is inside a method. In a forked child the threads do
// not exist: do nothing with a pool there, not even destroy it.
#pragma once

#include <cstddef>
#include <memory>

#include "broker/base/status.h"
#include "broker/registry/backlog.h"
#include "broker/registry/executor.h"

namespace belay::registry {

struct PoolStats {
  Backlog::Load queued;
  std::size_t threads = 0;  // started
  std::size_t idle = 0;     // waiting for work
};

class Pool final : public Executor {
 public:
  // At least one thread.
  Pool(ExecutorOptions options, std::size_t max_threads);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  // Closes it. On a thread of the pool, the threads then end by themselves.
  ~Pool() override;

  // Also RESOURCE_EXHAUSTED if the pool has no thread and the system gives none.
  base::Status Enqueue(Work* work) override;
  // Also false if the pool has no thread and the system gives none.
  bool EnqueueRelease(Work* work) noexcept override;

  // Refuses what is queued, on the calling thread, and waits until what runs has returned and the threads
  // have ended. On a thread of the pool it does not wait. May be called again, to wait.
  void Close() noexcept;

  PoolStats stats() const;

 private:
  struct Core;
  // Shared with the threads, which outlive the pool if one of them destroys it.
  const std::shared_ptr<Core> core_;
};

}  // namespace belay::registry
