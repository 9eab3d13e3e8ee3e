// Queues and strands as objects that handles refer to, so that programs can own, share and release them.
//
// An owner holds them like any other handle; a callback that runs on one keeps it alive. What closes it is the
// release of its last handle, or the close of the owner that holds it.
//
// Invariants
//   - Closed, a queue refuses what it has queued, and runs the release functions among it. What it has handed
//     out ends as ABANDONED for its callers at once; the context stays until the host finishes the call, which
//     it may do when the queue is long gone: the host may be in the middle of it (R5).
//   - Every event that a host is given has an id, and is over when that is finished.
//
// Thread safety: every method and function may be called from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "broker/base/status.h"
#include "broker/registry/callback.h"
#include "broker/registry/object.h"
#include "broker/registry/pool.h"
#include "broker/registry/queue.h"
#include "broker/registry/strand.h"

namespace belay::registry {

// News for a host: that a call which somebody in its process submitted has ended. Made by a door.
class Completion : public Work {
 public:
  Completion() : Work(Kind::kCompletion) {}
  std::size_t size_bytes() const noexcept override { return 0; }
  // The host has read it; then `this` is gone.
  virtual void Drop() noexcept = 0;

 protected:
  ~Completion() = default;
};

// What a host is given to do.
struct HostEvent {
  Work::Kind kind = Work::Kind::kCall;
  std::uint64_t id = 0;
  AsyncCall* call = nullptr;         // kCall: the host's until the id is finished
  ReleaseWork::Task release;         // kRelease
  Completion* completion = nullptr;  // kCompletion: dropped when the id is finished
};

class QueueObject final : public Object {
 public:
  explicit QueueObject(ExecutorOptions options);
  std::string_view label() const override { return name_; }
  void HandlesGone() noexcept override;

  Queue& queue() noexcept { return queue_; }
  // As Queue::Poll(), for a host that runs the callbacks itself. `self` is the queue's handle. Calls that were cancelled, or are late, end
  // here and are not handed over.
  Polled Poll(Handle self, std::span<HostEvent> out, std::int64_t timeout_ns);
  // Takes the same and runs it on the calling thread.
  Polled RunSome(std::size_t most, std::int64_t timeout_ns);

 private:
  // False if it has ended here and now.
  bool HandOver(Handle self, Work* work, HostEvent* event);

  const std::string name_;
  Queue queue_;
  std::atomic<bool> closed_{false};
  std::atomic<Handle> self_{0};  // relaxed: written before what needs it; 0 until first polled
};

class StrandObject final : public Object {
 public:
  StrandObject(ExecutorOptions options, std::shared_ptr<Executor> below);
  std::string_view label() const override { return name_; }
  void HandlesGone() noexcept override { strand_.Close(); }
  Strand& strand() noexcept { return strand_; }

 private:
  const std::string name_;
  Strand strand_;
};

// Opened under `owner`, an owner or a broker, which holds the handle.
base::Result<Handle> OpenQueue(Handle owner, ExecutorOptions options);
// On the registry's default pool.
base::Result<Handle> OpenStrand(Handle owner, ExecutorOptions options);
base::Status NotHandedOut(Handle queue, std::uint64_t id);
// Ends an event that `queue` handed out: a call with `outcome`; the others are acknowledged. `queue` is only
// compared, and may have been released: the host finishes what it has. `outcome` is asked of the call, and may
// read what the host left in it. NOT_FOUND: it has been finished, or was never handed out there.
template <typename OutcomeOf>
base::Status FinishEvent(Handle queue, std::uint64_t id, OutcomeOf outcome_of) {
  const std::unique_ptr<AsyncCall> call = AsyncCall::TakeBack(id, queue);
  if (call == nullptr) return NotHandedOut(queue, id);
  call->Finish(outcome_of(*call));
  return {};
}

// An executor for CallbackSpec, with what keeps it alive.
struct ExecutorRef {
  Executor* executor = nullptr;
  std::shared_ptr<void> keeper;
};
// That behind a handle of a queue or strand.
base::Result<ExecutorRef> FindExecutor(Handle handle);
// That behind a handle of a queue.
base::Result<ExecutorRef> FindQueue(Handle handle);
// A strand of one callback's own, on the default pool of the owner's registry; without it, that pool.
base::Result<ExecutorRef> PoolOf(Handle owner);
base::Result<ExecutorRef> OwnStrandOf(Handle owner, std::string name);

}  // namespace belay::registry
