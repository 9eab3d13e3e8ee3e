// Watches come and go, and their calls end. The dispatcher's own thread: dispatcher.cc.
#include "broker/engine/watches.h"

#include <algorithm>
#include <system_error>

#include "broker/engine/hooks.h"

namespace belay::engine {

using base::Code;
using base::Status;
using registry::Handle;
using registry::Kind;
using registry::LogLevel;
using registry::Ref;
using registry::Registry;
using storage::Revision;

base::Result<Handle> Watches::Attach(const WatchOptions& options) {
  if (options.prefix.size() > storage::kMaxKeyBytes) {
    return Status(Code::kInvalidArgument,
                  "the prefix has " + std::to_string(options.prefix.size()) +
                      " bytes, the bound max_key_bytes is " + std::to_string(storage::kMaxKeyBytes),
                  "LIMIT_EXCEEDED");
  }
  std::uint32_t rights = 0;
  if (Status status = CheckMayBind(options.callback, &rights); !status.ok()) return status;
  if (Status refusal = Registry::Refusal(options.callback); !refusal.ok()) return refusal;
  auto callback = Registry::Find(options.callback, Kind::kCallback);
  if (!callback.ok()) return callback.status();
  if (Status status = Start(); !status.ok()) return status;
  const Revision current = surroundings_.store->CurrentRevision();
  const Revision from = options.from_revision == 0 ? current + 1 : options.from_revision;
  if (const Revision oldest = surroundings_.store->OldestRevision(); from < oldest) {
    return Status(Code::kCompacted, "revision " + std::to_string(from) +
                                        " is no longer retained, the oldest is " +
                                        std::to_string(oldest));
  }

  auto held = Registry::Retain(options.callback, surroundings_.hooks_owner, registry::kRightInvoke);
  if (!held.ok()) return held.status();
  const auto watch =
      Ref<Watch>::Adopt(new Watch(shared_from_this(), options.prefix, *held, **callback));
  watch->attached_at = current;
  watch->next = from;
  auto handle = surroundings_.registry->Insert(Ref<registry::Object>(watch.get()), options.holder);
  if (!handle.ok()) return handle;
  {
    Lock lock(mutex_);
    if (stopping_) {
      lock.unlock();
      (void)Registry::Release(*handle);
      return Status(Code::kClosed, "the broker is closed");
    }
    if (watch->ended) return handle;  // detached already, by its holder's close
    watch->subscription = *handle;
    by_callback_.emplace(watch->callback_object, watch);
    watch_count_.store(by_callback_.size());
    joining_.push_back(watch);
    wake_.notify_one();
  }
  // The callback may have died since it was retained, and its watches been told before this was one.
  if (IsRefusedForGood(Registry::Refusal(watch->callback))) {
    Ref<Watch> ended;
    const std::lock_guard lock(mutex_);
    ended = End(*watch);
  }
  return handle;
}

Status Watches::Start() {
  const std::lock_guard lock(mutex_);
  if (stopping_) return Status(Code::kClosed, "the broker is closed");
  if (started_) return {};
  try {
    thread_ = std::thread([self = shared_from_this()] { self->Run(); });
  } catch (const std::system_error& error) {
    return Status(Code::kResourceExhausted,
                  std::string("cannot start the thread of the watches: ") + error.what());
  }
  started_ = true;
  return {};
}

void Watches::Stop() {
  std::thread thread;
  std::vector<Ref<Watch>> ended;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    while (!by_callback_.empty()) ended.push_back(End(*by_callback_.begin()->second));
    for (auto& watch : ready_) ended.push_back(std::move(watch));
    for (auto& watch : joining_) ended.push_back(std::move(watch));
    ready_.clear();
    joining_.clear();
    thread = std::move(thread_);
    wake_.notify_all();
  }
  if (!thread.joinable()) return;
  if (thread.get_id() == std::this_thread::get_id()) {
    thread.detach();  // it holds this object, and touches nothing else any more
  } else {
    thread.join();
  }
}

void Watches::OnCommit(Revision revision) {
  Revision seen = newest_.load();
  while (seen < revision && !newest_.compare_exchange_weak(seen, revision)) {
  }
  if (watch_count_.load() == 0 || !asleep_.exchange(false)) return;
  // Under the mutex: the dispatcher is inside wait() or will not get there.
  const std::lock_guard lock(mutex_);
  wake_.notify_one();
}

void Watches::Detached(Watch& watch) {
  Ref<Watch> ended;
  const std::lock_guard lock(mutex_);
  ended = End(watch);
}

void Watches::CallbacksReleased(std::span<registry::Callback* const> callbacks) {
  std::vector<Ref<Watch>> ended;
  std::vector<std::string> lines;
  {
    const std::lock_guard lock(mutex_);
    if (by_callback_.empty()) return;
    for (const registry::Callback* const callback : callbacks) {
      for (auto found = by_callback_.find(callback); found != by_callback_.end();
           found = by_callback_.find(callback)) {
        lines.push_back(found->second->Describe() + " ends: the callback is no longer registered");
        ended.push_back(End(*found->second));
      }
    }
  }
  for (const std::string& line : lines) Log(LogLevel::kInfo, line);
}

void Watches::Completed(const Ref<Watch>& watch, const registry::Outcome& outcome) {
  const Status& status = outcome.status;
  // What the callback itself answered decides nothing: it may answer with any code.
  const bool is_over =
      !status.ok() && (IsRefusedForGood(Registry::Refusal(watch->callback)) ||
                       !Registry::Find(watch->subscription, Kind::kSubscription).ok());
  Ref<Watch> ended;
  std::string line;
  {
    const std::lock_guard lock(mutex_);
    watch->in_call = false;
    if (watch->ended) return;
    if (status.ok()) {
      watch->rows = std::string();  // gives the memory back too
      watch->failures = 0;
      if (watch->unread != 0) Queue(*watch);
    } else if (is_over) {
      line = watch->Describe() + " ends: " + status.ToString();
      ended = End(*watch);
    } else {
      const std::int64_t pause_ns = RetryLater(*watch);
      if (watch->failures == 1) {
        line = watch->Describe() + " failed and is repeated, first in " +
               std::to_string(pause_ns / 1'000'000) + " ms: " + status.ToString();
      }
    }
    wake_.notify_one();
  }
  if (!line.empty()) Log(ended ? LogLevel::kInfo : LogLevel::kWarning, line);
}

void Watches::Queue(Watch& watch) {
  if (watch.queued) return;
  watch.queued = true;
  ready_.push_back(Ref<Watch>(&watch));
}

std::int64_t Watches::RetryLater(Watch& watch) {
  ++watch.failures;
  const std::uint32_t doublings = std::min(watch.failures - 1, 10U);
  const std::int64_t pause_ns = std::min(kFirstPauseNs << doublings, kLongestPauseNs);
  if (watch.retry_at_ns != 0) timers_.erase({watch.retry_at_ns, &watch});
  watch.retry_at_ns = surroundings_.clock->MonotonicNs() + pause_ns;
  timers_.emplace(watch.retry_at_ns, &watch);
  return pause_ns;
}

Ref<Watch> Watches::End(Watch& watch) {
  watch.ended = true;
  index_.Remove(watch.prefix, &watch);
  if (watch.retry_at_ns != 0) timers_.erase({watch.retry_at_ns, &watch});
  (void)Registry::Release(watch.callback);
  const auto [first, last] = by_callback_.equal_range(watch.callback_object);
  const auto found =
      std::find_if(first, last, [&](const auto& entry) { return entry.second.get() == &watch; });
  if (found == last) return {};
  Ref<Watch> forgotten = std::move(found->second);
  by_callback_.erase(found);
  watch_count_.store(by_callback_.size());
  return forgotten;
}

void Watches::Log(LogLevel level, const std::string& text) const {
  if (surroundings_.log) surroundings_.log(level, text);
}

}  // namespace belay::engine
