// Inbox: how every other thread reaches the loop's thread.
//
// Session state belongs to one thread, the loop's, and has no locks. Callback pools, the registry's
// reaper, store workers and gRPC's own threads leave a task here; the loop runs them in order.
//
// Invariants
//   - Tasks run in order of Post(), on the thread that called Adopt(), with no lock held.
//   - `wake` is called once for the first task after each Drain(), not for every task.
//   - A task that is never run is destroyed with the inbox, which frees what it owns.
//
// Thread safety: Post() and OnOwnThread() from any thread; Drain() on the owning thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace belay::daemon {

// A function to be run once; unlike std::function it may own what cannot be copied.
class Task {
 public:
  template <typename F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, Task>)
      Task(F&& function)  // NOLINT: implicit by intent
      : body_(std::make_unique<Body<std::decay_t<F>>>(std::forward<F>(function))) {}
  void operator()() { body_->Run(); }

 private:
  struct Base {
    Base() = default;
    Base(const Base&) = delete;
    Base& operator=(const Base&) = delete;
    virtual ~Base() = default;
    virtual void Run() = 0;
  };
  template <typename F>
  struct Body final : Base {
    template <typename G>
    explicit Body(G&& f) : function(std::forward<G>(f)) {}
    void Run() override { function(); }
    F function;
  };
  std::unique_ptr<Base> body_;
};

class Inbox {
 public:
  // Tells how to wake the owning thread; called without the lock. Set before the first Post() from
  // another thread.
  void SetWake(std::function<void()> wake) { wake_ = std::move(wake); }
  // The calling thread is the owner from now on.
  void Adopt() { owner_.store(std::this_thread::get_id(), std::memory_order_relaxed); }
  bool OnOwnThread() const {
    // Relaxed: a thread can only ever see its own id if it stored it itself.
    return owner_.load(std::memory_order_relaxed) == std::this_thread::get_id();
  }

  void Post(Task task);
  // Runs now if this is the owning thread, else posts.
  void RunOrPost(Task task);
  // Runs what has been posted, also by these tasks themselves; true if there was any.
  bool Drain();

 private:
  std::function<void()> wake_;
  std::atomic<std::thread::id> owner_;
  std::atomic<bool> has_tasks_{false};  // relaxed hint that spares the loop the lock
  std::mutex mutex_;
  std::vector<Task> tasks_;
};

}  // namespace belay::daemon
