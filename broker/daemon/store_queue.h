// StoreQueue: the store requests of one session, kept in order, off the loop's thread.
//
// Gets, puts and deletes of a session run one after the other on the store's workers, in the order in
// which they came. A scan takes its snapshot in that order, too, and then goes on beside what follows
// (ScanJob).
//
// Invariants
//   - Each request is answered exactly once, unless the session ends first.
//   - At most `max_store_requests` are unanswered; one more is refused before it is queued.
//
// Thread safety: the loop's thread, but for Deliver().
#pragma once

#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "broker/base/status.h"
#include "broker/daemon/hub.h"

namespace belay::v1 {
class StoreRequest;
}  // namespace belay::v1

namespace belay::daemon {

class Session;

class StoreQueue : public std::enable_shared_from_this<StoreQueue> {
 public:
  explicit StoreQueue(Session& session);

  // `filter`: a handle of the caller's that picks a scan's rows, 0 for none; taken over.
  void Submit(v1::StoreRequest& request, registry::Handle filter);
  // The session has ended: nothing is answered any more.
  void Stop();
  bool idle() const { return unanswered_ == 0; }

  // Runs on the loop's thread, with the session, unless it has ended. From any thread.
  void Deliver(std::function<void(Session&)> answer);
  // As Deliver(), with the request's last answer.
  void Finish(std::function<void(Session&)> answer);
  // True soon after Stop(). From any thread.
  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }
  Hub& hub() { return hub_; }

 private:
  using Strand = asio::strand<asio::thread_pool::executor_type>;

  Hub& hub_;
  Session* session_;  // null once stopped
  Strand strand_;
  std::uint32_t unanswered_ = 0;
  std::atomic<bool> stopped_{false};  // relaxed: only saves work that nobody waits for
};

}  // namespace belay::daemon
