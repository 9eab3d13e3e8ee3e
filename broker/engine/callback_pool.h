// The threads on which the broker runs in-process callbacks that nobody waits for: those of watches, and
// those that remote callers invoke.
//
// Invariants
//   - `done` of every InvokeAsync() runs exactly once, also when the pool ends first: its destructor runs
//     what is queued.
//   - Threads exist only once they are needed.
//
// Thread safety: InvokeAsync() may be called from any thread. The destructor too, also from one of the
// pool's own threads: then another thread does the waiting.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "broker/base/status.h"
#include "broker/registry/registry.h"

namespace belay::engine {

class CallbackPool {
 public:
  explicit CallbackPool(unsigned threads);
  CallbackPool(const CallbackPool&) = delete;
  CallbackPool& operator=(const CallbackPool&) = delete;
  ~CallbackPool();

  // Runs `handle`'s callback: on a thread of the pool if it would run inline, else from this one, where
  // it only begins. `wanted`, if given, is asked right before; false ends the call as CANCELLED.
  void InvokeAsync(registry::Handle handle, registry::Request request,
                   registry::AsyncCall::Done done, std::function<bool()> wanted = nullptr);

 private:
  struct Threads;

  // Null if the machine has no threads left.
  Threads* Started();

  const unsigned thread_count_;
  std::mutex mutex_;
  std::unique_ptr<Threads> threads_;  // guarded by mutex_ until made, then constant
};

}  // namespace belay::engine
