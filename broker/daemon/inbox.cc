#include "broker/daemon/inbox.h"

namespace belay::daemon {

void Inbox::Post(Task task) {
  bool is_first = false;
  {
    const std::lock_guard lock(mutex_);
    is_first = tasks_.empty();
    tasks_.push_back(std::move(task));
    has_tasks_.store(true, std::memory_order_relaxed);
  }
  if (is_first && wake_) wake_();
}

void Inbox::RunOrPost(Task task) {
  if (OnOwnThread()) {
    task();
  } else {
    Post(std::move(task));
  }
}

bool Inbox::Drain() {
  bool ran = false;
  // A hint that was missed is no loss: whoever set it has woken this thread, or is about to.
  while (has_tasks_.load(std::memory_order_relaxed)) {
    std::vector<Task> tasks;
    {
      const std::lock_guard lock(mutex_);
      tasks.swap(tasks_);
      has_tasks_.store(false, std::memory_order_relaxed);
    }
    for (Task& task : tasks) task();
    ran = ran || !tasks.empty();
  }
  return ran;
}

}  // namespace belay::daemon
