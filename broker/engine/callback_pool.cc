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

// Unless nobody wants the call any more.
void Begin(registry::Handle handle, registry::Request&& request, registry::AsyncCall::Done&& done,
           const std::function<bool()>& wanted) {
  if (wanted && !wanted()) {
    done({Status(Code::kCancelled, "the call is no longer wanted"), Certainty::kNotSent, {}});
    return;
  }
  Registry::InvokeAsync(handle, std::move(request), std::move(done));
}

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
  // A callback that dies after this was asked is refused on the pool; one that is dead already is
  // refused here. Neither runs anything but `done`.
  if (!Registry::RunsInline(handle))
    return Begin(handle, std::move(request), std::move(done), wanted);
  Threads* const threads = Started();
  if (threads == nullptr) {
    done({Status(Code::kResourceExhausted, "cannot start the threads that run callbacks"),
          Certainty::kNotSent,
          {}});
    return;
  }
  asio::post(threads->pool, [handle, request = std::move(request), done = std::move(done),
                             wanted = std::move(wanted)]() mutable {
    Begin(handle, std::move(request), std::move(done), wanted);
  });
}

}  // namespace belay::engine
