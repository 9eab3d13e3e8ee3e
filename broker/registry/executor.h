// Executors: where callbacks and their release functions run, if not on the caller's thread (R10).
//
// A pool (pool.h) runs work on threads of its own, a strand (strand.h) runs it one after another on a
// pool, a queue (queue.h) hands it to a host that polls. What they are given is intrusive: enqueuing links
// it and needs no memory (backlog.h).
//
// Invariants
//   - Work that was taken is ended exactly once, by Run() or by Refuse(), under no lock of the
//     executor's (R8, R18): also when the executor is closed.
//   - An executor is bounded. Full means that Enqueue() refuses before anything is taken. Release functions
//     are beyond the bound, and do not count against it: they must run.
//   - Works are begun in the order in which they were taken, calls and release functions alike.
//
// Thread safety: every method of Executor may be called from any thread; a Work belongs to one executor
// at a time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "broker/base/status.h"

namespace belay::registry {

// One thing to do: a call of a callback, the release function of one, or the news that a call has ended.
class Work {
 public:
  enum class Kind : std::uint8_t { kCall, kRelease, kCompletion };

  explicit Work(Kind work_kind) : kind(work_kind) {}
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  // Runs the callback, or the release function, on the calling thread; then `this` is gone. Returns: what
  // user code may do instead (throw, pthread_exit) is for the callback's thunk to contain.
  virtual void Run() noexcept = 0;
  // Ends it without running: a call ends with `why` and was not sent. A release function runs all the
  // same, for it runs exactly once whatever happens (R3). Then `this` is gone.
  virtual void Refuse(const base::Status& why) noexcept = 0;
  // What a call counts against an executor's bound of bytes. Takes no lock: asked before the executor's is taken.
  virtual std::size_t size_bytes() const noexcept = 0;

  const Kind kind;
  // For the executor that has it.
  Work* next = nullptr;
  std::size_t counted_bytes = 0;

 protected:
  ~Work() = default;
};

class Executor {
 public:
  virtual ~Executor() = default;

  // Takes `work` (then it is no longer the caller's), or says why not and leaves it:
  // RESOURCE_EXHAUSTED names what is full and its bound; CLOSED. Runs no user code.
  // REQUIRES: `work` is a call.
  virtual base::Status Enqueue(Work* work) = 0;
  // The same for what must run, a release function or a completion: never refused for a bound, needs no
  // memory (R6). False once closed,
  // or if there is nothing to run it and never was (a pool that cannot start its first thread): then the
  // caller must run it itself.
  virtual bool EnqueueRelease(Work* work) noexcept = 0;
  // True if nothing begins before what runs has returned: to wait, inside, for something else that it has been
  // given is to wait for ever.
  virtual bool RunsOneAtATime() const noexcept { return false; }
};

}  // namespace belay::registry
