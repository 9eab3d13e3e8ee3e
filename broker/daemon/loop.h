// Loop: the one thread that serves the completion queue of sessions and unary invokes.
//
// Each turn takes every event that is ready, runs what other threads left in the inbox and what is due,
// and only then flushes: once per stream, so that everything the turn produced for a client shares one
// frame and one write.
//
// Thread safety: Wake() and Shutdown() from any thread; Run() is the thread; the rest on it, or before it.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "broker/daemon/hub.h"

namespace belay::daemon {

// What a tag of the completion queue points to.
class Event {
 public:
  virtual void OnEvent(bool ok) = 0;

 protected:
  ~Event() = default;
};

// A member that turns an event into a call of its owner's method.
template <typename Owner, void (Owner::*Method)(bool)>
class EventOf final : public Event {
 public:
  explicit EventOf(Owner* owner) : owner_(owner) {}
  void OnEvent(bool ok) override { (owner_->*Method)(ok); }
  void* tag() { return static_cast<Event*>(this); }

 private:
  Owner* const owner_;
};

// What is flushed at the end of a turn. May destroy itself there and only there.
class Flushable {
 public:
  virtual ~Flushable() = default;
  virtual void Flush() = 0;

 private:
  friend class Loop;
  bool is_queued_ = false;
};

class Loop {
 public:
  Loop(Hub& hub, std::unique_ptr<grpc::ServerCompletionQueue> queue);

  // Serves until the queue has been shut down and is empty.
  void Run();
  // Has a turn made soon.
  void Wake();
  // Has Run() return once no call is left. REQUIRES: the server has been shut down.
  void Shutdown();
  // Calls that may still start operations on the queue, which so must stay open.
  void AddCall() { ++calls_; }
  void RemoveCall() { --calls_; }

  void FlushLater(Flushable& flushable);
  grpc::ServerCompletionQueue& queue() { return *queue_; }

 private:
  void Turn();
  void CloseQueue();
  void ArmTimer();
  void OnWake(bool ok);
  void OnTimer(bool ok);

  Hub& hub_;
  const std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::vector<Flushable*> flushables_;
  std::size_t calls_ = 0;
  bool is_ending_ = false;

  grpc::Alarm timer_;
  EventOf<Loop, &Loop::OnTimer> timer_event_{this};
  std::int64_t timer_ns_ = Deadlines::kNever;  // when the alarm goes off; kNever: not set
  bool is_timer_set_ = false;

  std::mutex wake_mutex_;
  grpc::Alarm wake_;
  EventOf<Loop, &Loop::OnWake> wake_event_{this};
  bool is_wake_set_ = false;
  bool is_shut_down_ = false;
};

}  // namespace belay::daemon
