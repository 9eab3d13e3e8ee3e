#include "broker/registry/strand.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace belay::registry {

using base::Code;
using base::Status;

// All that a strand is; also the pump. As a Work it is a release function: it is beyond the bound of the
// executor below, and whatever happens there it is ended.
struct Strand::Core final : Work, std::enable_shared_from_this<Core> {
  Core(ExecutorOptions options, std::shared_ptr<Executor> executor, std::size_t turn)
      : Work(Kind::kRelease),
        below(std::move(executor)),
        works_per_turn(std::max<std::size_t>(1, turn)),
        backlog("strand", std::move(options)) {}

  // Puts the pump below, if it is not there. False: what is below is closed. REQUIRES: the lock, which
  // is held while the lock below is taken; never the other way round.
  bool SetGoing() noexcept;

  void Run() noexcept override;
  void Refuse(const Status& why) noexcept override;
  std::size_t size_bytes() const noexcept override { return 0; }

  const std::shared_ptr<Executor> below;
  const std::size_t works_per_turn;
  mutable std::mutex mutex;
  Backlog backlog;
  std::shared_ptr<Core> going;  // itself while the pump is below or runs, else null
};

bool Strand::Core::SetGoing() noexcept {
  if (going != nullptr) return true;
  if (!below->EnqueueRelease(this)) return false;
  // The pump may have begun on another thread: it waits for our lock.
  going = shared_from_this();
  return true;
}

void Strand::Core::Run() noexcept {
  // Outlives the lock: the strand itself may go while this runs.
  const std::shared_ptr<Core> self = shared_from_this();
  std::unique_lock lock(mutex);
  for (std::size_t done = 0; done < works_per_turn && !backlog.empty(); ++done) {
    Work* const work = backlog.Pop();
    lock.unlock();
    work->Run();
    lock.lock();
  }
  going.reset();
  if (backlog.empty() || SetGoing()) return;
  WorkList queued = backlog.Close();
  lock.unlock();
  queued.RefuseAll(backlog.closed_status());
}

void Strand::Core::Refuse(const Status& why) noexcept {
  std::unique_lock lock(mutex);
  const std::shared_ptr<Core> self = std::exchange(going, nullptr);
  WorkList queued = backlog.Close();
  lock.unlock();
  queued.RefuseAll(why);
}

Strand::Strand(ExecutorOptions options, std::shared_ptr<Executor> below, std::size_t works_per_turn)
    : core_(std::make_shared<Core>(std::move(options), std::move(below), works_per_turn)) {}

Strand::~Strand() { Close(); }

Status Strand::Enqueue(Work* work) {
  const std::size_t size_bytes = work->size_bytes();
  std::unique_lock lock(core_->mutex);
  const Backlog::Verdict verdict = core_->backlog.Ask(size_bytes);
  if (verdict != Backlog::Verdict::kFits) {
    const Backlog::Load load = core_->backlog.load();
    lock.unlock();
    return core_->backlog.Explain(verdict, size_bytes, load);
  }
  if (!core_->SetGoing()) {
    lock.unlock();
    return {Code::kClosed, core_->backlog.title() + ": the executor that it runs on is closed"};
  }
  core_->backlog.PushCall(work, size_bytes);
  return {};
}

bool Strand::EnqueueRelease(Work* work) noexcept {
  const std::lock_guard lock(core_->mutex);
  if (core_->backlog.closed() || !core_->SetGoing()) return false;
  core_->backlog.PushRelease(work);
  return true;
}

void Strand::Close() noexcept {
  std::unique_lock lock(core_->mutex);
  WorkList queued = core_->backlog.Close();
  lock.unlock();
  queued.RefuseAll(core_->backlog.closed_status());
}

Backlog::Load Strand::queued() const {
  const std::lock_guard lock(core_->mutex);
  return core_->backlog.load();
}

}  // namespace belay::registry
