// StoreQueue: the store requests of one session, kept in order, off the loop's thread.
//
// Requests take turns on the store's workers, one at a time, in the order in which they came. Two kinds
// take their turn and then go on beside what follows:
//   - a scan (ScanJob), which shows the moment of its turn;
//   - a write for which a callback has to be asked. It waits on the hooks' workers, so that the callback may
//     read through the very session that waits for it, and a slow callback occupies no thread of those
//     who ask none. Writes that come after it go the same way, so none overtakes another.
//
// Invariants
//   - Each request is answered exactly once, unless the session ends first.
//   - Writes of a session are committed in the order in which they came.
//   - At most `max_store_requests` are unanswered; one more is refused before it is queued.
//   - At most one thread of the hooks' workers waits for a session's writes.
//
// Thread safety: the loop's thread, but for Deliver() and Finish().
#pragma once

#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "broker/base/status.h"
#include "broker/daemon/hub.h"

namespace belay::daemon {

class Session;

// What a request has done, told on the loop's thread.
using StoreAnswer = std::function<void(Session&)>;

class StoreQueue : public std::enable_shared_from_this<StoreQueue> {
 public:
  // A request's work. Both functions run on workers; they may block.
  struct Task {
    // Set for what must not overtake writes: asked when its turn has come, whether a callback is
    // to be asked.
    std::function<bool()> asks_callback;
    std::function<StoreAnswer()> run;
  };

  explicit StoreQueue(Session& session);

  // RESOURCE_EXHAUSTED if no further request may be submitted.
  base::Status CheckRoom() const;
  // REQUIRES for both: CheckRoom() was OK.
  void Submit(Task task);
  // `open` has its turn; the request's answers go through Deliver() and Finish().
  void SubmitScan(std::function<void()> open);
  // The session has ended: nothing is answered any more.
  void Stop();
  bool idle() const { return unanswered_ == 0; }

  // Runs on the loop's thread, with the session, unless it has ended. From any thread.
  void Deliver(StoreAnswer answer);
  // As Deliver(), with the request's last answer.
  void Finish(StoreAnswer answer);
  // True soon after Stop(). From any thread.
  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }
  Hub& hub() { return hub_; }

 private:
  using Strand = asio::strand<asio::thread_pool::executor_type>;

  void TakeTurn(const std::shared_ptr<Task>& task);

  Hub& hub_;
  Session* session_;  // null once stopped
  Strand turns_;
  Strand waiting_writes_;
  // Writes that have left `turns_` and are not yet done. Raised by the one, lowered by the other: who
  // reads 0 with acquire comes after the release of the last of them, and so after its commit.
  std::atomic<std::uint32_t> writes_beside_{0};
  std::uint32_t unanswered_ = 0;
  std::atomic<bool> stopped_{false};  // relaxed: only saves work that nobody waits for
};

}  // namespace belay::daemon
