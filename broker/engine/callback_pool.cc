#include "broker/engine/callback_pool.h"

#include <algorithm>
#include <asio/post.hpp>
#include <asio/thread_pool.hpp>
#include <system_error>
#include <thread>
#include <utility>

namespace belay::engine {

using base::Code;
using base::Status;
using registry::Certainty;
using registry::Registry;

struct CallbackPool::Threads {
  explicit Threads(unsigned count) : pool(count) {}
  asio::thread_pool pool;
};

namespace {

struct Task {
  registry::Handle handle;
  registry::Request request;
  registry::AsyncCall::Done done;
  std::function<bool()> wanted;

  void Run() {
    if (wanted && !wanted()) {
      done({Status(Code::kCancelled, "the call is no longer wanted"), Certainty::kNotSent, {}});
      return;
    }
    Registry::InvokeAsync(handle, std::move(request), std::move(done));
  }
};

}  // namespace

CallbackPool::CallbackPool(unsigned threads) : thread_count_(std::max(1U, threads)) {}

CallbackPool::~CallbackPool() {
  if (threads_ == nullptr) return;
  // join() runs what is queued, then returns; on a thread of the pool it would wait for itself.
  if (threads_->pool.get_executor().running_in_this_thread()) {
    std::thread([threads = std::move(threads_)] { threads->pool.join(); }).detach();
  } else {
    threads_->pool.join();
  }
}

CallbackPool::Threads* CallbackPool::Started() {
  const std::lock_guard lock(mutex_);
  if (threads_ == nullptr) {
    try {
      threads_ = std::make_unique<Threads>(thread_count_);
    } catch (const std::system_error&) {
      return nullptr;
    }
  }
  return threads_.get();
}

void CallbackPool::InvokeAsync(registry::Handle handle, registry::Request request,
                               registry::AsyncCall::Done done, std::function<bool()> wanted) {
  Task task{handle, std::move(request), std::move(done), std::move(wanted)};
  // A callback that dies after this was asked is refused on the pool; one that is dead already is
  // refused here. Neither runs anything but `done`.
  if (!Registry::RunsInline(handle)) {
    task.Run();
    return;
  }
  Threads* const threads = Started();
  if (threads == nullptr) {
    task.done({Status(Code::kResourceExhausted, "cannot start the threads that run callbacks"),
               Certainty::kNotSent,
               {}});
    return;
  }
  asio::post(threads->pool, [task = std::move(task)]() mutable { task.Run(); });
}

}  // namespace belay::engine
