#include "broker/registry/pool.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace belay::registry {

using base::Code;
using base::Status;

struct Pool::Core : std::enable_shared_from_this<Core> {
  Core(ExecutorOptions options, std::size_t thread_bound)
      : max_threads(std::max<std::size_t>(1, thread_bound)), backlog("pool", std::move(options)) {
    threads.reserve(max_threads);
  }

  // The rest needs the lock, except Run() and OnOwnThread().
  enum class Hands { kBusy, kWoken, kStarted, kNone };
  Hands FindHands() noexcept;
  bool StartThread() noexcept;
  void Run() noexcept;
  bool OnOwnThread() const noexcept { return working_for == this; }

  // The pool whose thread this is.
  static thread_local const Core* working_for;

  const std::size_t max_threads;
  std::mutex mutex;
  std::condition_variable woken_or_closed;
  Backlog backlog;
  std::size_t idle = 0;              // threads that wait and that nobody has woken
  std::size_t woken = 0;             // wake-ups that no thread has answered yet
  std::vector<std::thread> threads;  // constant once the backlog is closed

  std::mutex join_mutex;  // one joins, other closers wait for it
};

thread_local const Pool::Core* Pool::Core::working_for = nullptr;

// Somebody to take what is about to be queued. An idle thread is counted off here and not when it has
// woken up, so that two works in a row find two threads.
Pool::Core::Hands Pool::Core::FindHands() noexcept {
  if (idle > 0) {
    --idle;
    ++woken;
    return Hands::kWoken;
  }
  if (threads.size() < max_threads && StartThread()) return Hands::kStarted;
  return threads.empty() ? Hands::kNone : Hands::kBusy;
}

bool Pool::Core::StartThread() noexcept {
  try {
    threads.emplace_back([self = shared_from_this()] { self->Run(); });
    return true;
  } catch (const std::exception&) {  // no memory, or no thread to be had
    return false;
  }
}

void Pool::Core::Run() noexcept {
  working_for = this;
  std::unique_lock lock(mutex);
  while (!backlog.closed()) {
    if (!backlog.empty()) {
      Work* const work = backlog.Pop();
      lock.unlock();
      work->Run();
      lock.lock();
      continue;
    }
    ++idle;
    woken_or_closed.wait(lock, [this] { return woken > 0 || backlog.closed(); });
    // What woke it may have been taken by a thread that was just done: then it waits again.
    --(woken > 0 ? woken : idle);
  }
}

Pool::Pool(ExecutorOptions options, std::size_t max_threads)
    : core_(std::make_shared<Core>(std::move(options), max_threads)) {}

Pool::~Pool() {
  Close();
  if (!core_->OnOwnThread()) return;
  for (std::thread& thread : core_->threads) thread.detach();
}

Status Pool::Enqueue(Work* work) {
  const std::size_t size_bytes = work->size_bytes();
  std::unique_lock lock(core_->mutex);
  const Backlog::Verdict verdict = core_->backlog.Ask(size_bytes);
  if (verdict != Backlog::Verdict::kFits) {
    const Backlog::Load load = core_->backlog.load();
    lock.unlock();
    return core_->backlog.Explain(verdict, size_bytes, load);
  }
  const Core::Hands hands = core_->FindHands();
  if (hands == Core::Hands::kNone) {
    lock.unlock();
    return {Code::kResourceExhausted,
            core_->backlog.title() +
                " cannot start a thread; the process, or its user, has as many " +
                "as it may (ulimit -u, pids.max)",
            "NO_THREAD"};
  }
  core_->backlog.PushCall(work, size_bytes);
  lock.unlock();
  if (hands == Core::Hands::kWoken) core_->woken_or_closed.notify_one();
  return {};
}

bool Pool::EnqueueRelease(Work* work) noexcept {
  std::unique_lock lock(core_->mutex);
  if (core_->backlog.closed()) return false;
  const Core::Hands hands = core_->FindHands();
  if (hands == Core::Hands::kNone) return false;
  core_->backlog.PushRelease(work);
  lock.unlock();
  if (hands == Core::Hands::kWoken) core_->woken_or_closed.notify_one();
  return true;
}

void Pool::Close() noexcept {
  std::unique_lock lock(core_->mutex);
  WorkList queued = core_->backlog.Close();
  lock.unlock();
  core_->woken_or_closed.notify_all();
  queued.RefuseAll(core_->backlog.closed_status());
  if (core_->OnOwnThread()) return;
  const std::lock_guard joining(core_->join_mutex);
  for (std::thread& thread : core_->threads) {
    if (thread.joinable()) thread.join();
  }
}

PoolStats Pool::stats() const {
  const std::lock_guard lock(core_->mutex);
  return {core_->backlog.load(), core_->threads.size(), core_->idle};
}

}  // namespace belay::registry
