// Where a client runs the callbacks that it hosts.
//
// An Executor is any function that takes a task and runs it exactly once, at some time, on some thread.
// No executor at all means: on the client's own thread, as the call arrives. That is the fastest, and
// right for callbacks that never block; a blocking one would hold up every answer of the session.
#pragma once

#include <functional>
#include <memory>

namespace belay::client {

using Executor = std::function<void(std::function<void()> task)>;

// A few threads and one queue. Copies share them; the last one to go waits for the tasks queued, or,
// if that happens on one of its own threads, leaves them to finish by themselves.
//
// Thread safety: may be called from any thread.
class ThreadExecutor {
 public:
  // REQUIRES: threads > 0
  explicit ThreadExecutor(unsigned threads);
  void operator()(std::function<void()> task) const;

 private:
  struct State;
  struct Joiner;
  std::shared_ptr<Joiner> joiner_;
};

}  // namespace belay::client
