// A queue and the threads that empty it.
//
// Invariants
//   - The state is shared with each thread, so that it outlives the executor when the last copy of the
//     executor goes on one of its own threads, which cannot join itself.
//   - Every task queued runs, also those that are queued when the executor goes.
#include "belay/client/executor.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace belay::client {

struct ThreadExecutor::State {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> tasks;
  bool is_stopping = false;

  void Run() {
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [this] { return is_stopping || !tasks.empty(); });
      if (tasks.empty()) return;
      std::function<void()> task = std::move(tasks.front());
      tasks.pop_front();
      lock.unlock();
      task();
      task = nullptr;  // what it captured goes outside the lock
      lock.lock();
    }
  }
};

struct ThreadExecutor::Joiner {
  std::shared_ptr<State> state = std::make_shared<State>();
  std::vector<std::thread> threads;

  ~Joiner() {
    {
      std::scoped_lock lock(state->mutex);
      state->is_stopping = true;
    }
    state->wake.notify_all();
    for (std::thread& thread : threads) {
      if (thread.get_id() == std::this_thread::get_id()) {
        thread.detach();
      } else {
        thread.join();
      }
    }
  }
};

ThreadExecutor::ThreadExecutor(unsigned threads) : joiner_(std::make_shared<Joiner>()) {
  for (unsigned i = 0; i < threads; ++i) {
    joiner_->threads.emplace_back([state = joiner_->state] { state->Run(); });
  }
}

void ThreadExecutor::operator()(std::function<void()> task) const {
  {
    std::scoped_lock lock(joiner_->state->mutex);
    joiner_->state->tasks.push_back(std::move(task));
  }
  joiner_->state->wake.notify_one();
}

}  // namespace belay::client
