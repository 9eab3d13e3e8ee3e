// A strand: runs work one after another, on the threads of another executor.
//
// It keeps works of its own and puts one thing into the executor below it, the pump, which runs them in
// turn. (An asio::strand would allocate for each, release functions included.)
//
// Invariants
//   - At most one work runs at a time, in the order in which they were taken; each sees what the one before
//     it wrote, though it ran on another thread.
//   - The pump is below at most once, and only while works are queued. It counts against no bound there:
//     a strand has its own.
//   - After `works_per_turn` works the pump goes to the end of the queue below: strands on a pool share it
//     fairly.
//   - When the executor below closes, what is queued here is refused and no more is taken.
//
// Thread safety: every method may be called from any thread, also from inside a Work that it runs; the
// destructor too, but not while another thread is inside a method.
#pragma once

#include <cstddef>
#include <memory>

#include "broker/base/status.h"
#include "broker/registry/backlog.h"
#include "broker/registry/executor.h"

namespace belay::registry {

class Strand final : public Executor {
 public:
  static constexpr std::size_t kWorksPerTurn = 16;

  // Keeps `below` alive until it and what it runs have ended.
  Strand(ExecutorOptions options, std::shared_ptr<Executor> below,
         std::size_t works_per_turn = kWorksPerTurn);
  Strand(const Strand&) = delete;
  Strand& operator=(const Strand&) = delete;
  // Closes it.
  ~Strand() override;

  base::Status Enqueue(Work* work) override;
  bool EnqueueRelease(Work* work) noexcept override;
  bool RunsOneAtATime() const noexcept override { return true; }

  // Refuses what is queued, on the calling thread. Does not wait for the one work that may be running.
  void Close() noexcept;

  Backlog::Load queued() const;

 private:
  struct Core;
  // Shared with the pump, which may be under way when the strand goes.
  const std::shared_ptr<Core> core_;
};

}  // namespace belay::registry
