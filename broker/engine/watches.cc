// Watches come and go, and their calls end. The dispatcher's own thread: dispatcher.cc.
#include "broker/engine/watches.h"

#include <algorithm>
#include <system_error>

#include "broker/engine/hooks.h"
#include "broker/engine/name_options.h"

namespace belay::engine {

using base::Code;
using base::Status;
using registry::Handle;
using registry::Kind;
using registry::LogLevel;
using registry::Ref;
using registry::Registry;
using storage::Revision;

namespace {

Status CheckKey(std::string_view key, const char* what) {
  if (key.size() <= storage::kMaxKeyBytes) return {};
  return Status(Code::kInvalidArgument,
                "the " + std::string(what) + " of the range has " + std::to_string(key.size()) +
                    " bytes, the bound max_key_bytes is " + std::to_string(storage::kMaxKeyBytes),
                "LIMIT_EXCEEDED");
}

Status CheckRange(const WatchOptions& options) {
  if (Status status = CheckKey(options.start, "start"); !status.ok()) return status;
  if (Status status = CheckKey(options.end, "end"); !status.ok()) return status;
  if (options.end.empty() || options.start < options.end) return {};
  return Status(Code::kInvalidArgument, "the range is empty: its end is not above its start");
}

}  // namespace

base::Result<Handle> Watches::Attach(const WatchOptions& options) {
  if (Status status = CheckRange(options); !status.ok()) return status;
  if (!options.name.empty()) {
    if (Status status = CheckName(options.name); !status.ok()) return status;
  }
  std::uint32_t rights = 0;
  if (Status status = CheckMayBind(options.callback, &rights); !status.ok()) return status;
  if (Status refusal = Registry::Refusal(options.callback); !refusal.ok()) return refusal;
  if (Status status = Start(); !status.ok()) return status;
  auto made = NewWatch(options);
  if (!made.ok()) return made.status();
  const Ref<Watch> watch = std::move(*made);
  auto handle = surroundings_.registry->Insert(Ref<registry::Object>(watch.get()), options.holder);
  if (!handle.ok()) {
    if (!options.name.empty()) cursors_.Detach(options.name);
    return handle;
  }
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
    showing_old_rows_ += watch->ShowsOldRows() ? 1U : 0U;
    named_count_ += options.name.empty() ? 0U : 1U;
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

base::Result<Ref<Watch>> Watches::NewWatch(const WatchOptions& options) {
  auto callback = Registry::Find(options.callback, Kind::kCallback);
  if (!callback.ok()) return callback.status();
  std::shared_ptr<void> old_values;
  // Before the revision is read: from then on they are there.
  if (options.old_rows == storage::OldRows::kShow) {
    old_values = surroundings_.store->KeepOldValues(keyspace_);
  }
  auto held = Registry::Retain(options.callback, surroundings_.hooks_owner, registry::kRightInvoke);
  if (!held.ok()) return held.status();
  const auto watch = Ref<Watch>::Adopt(new Watch(shared_from_this(), options, *held, **callback));
  watch->old_values = std::move(old_values);
  watch->attached_at = surroundings_.store->CurrentRevision();
  OnCommit(
      watch->attached_at);  // of which nobody was told before there was a watch in the keyspace
  auto first = FirstRevision(options, watch->attached_at);
  if (!first.ok()) return first.status();
  watch->holds_name = !options.name.empty();
  watch->by_state = *first == 0;
  watch->acked = *first;
  watch->next = std::max(*first, Revision{1});
  return watch;
}

// 0: it begins with the state.
base::Result<Revision> Watches::FirstRevision(const WatchOptions& options, Revision current) {
  Revision wanted = options.from_revision == 0 ? current + 1 : options.from_revision;
  if (options.begin == WatchBegin::kState) wanted = 0;
  // One that has a name and is not new is told when it has fallen behind.
  const Revision oldest = surroundings_.store->OldestRevision();
  const bool is_gone = wanted != 0 && wanted < oldest;
  if (is_gone && options.name.empty()) {
    return Status(Code::kCompacted, "revision " + std::to_string(wanted) +
                                        " is no longer retained, the oldest is " +
                                        std::to_string(oldest));
  }
  if (options.name.empty()) return wanted;
  EndReleased(options.name);
  return cursors_.Attach(options.name, is_gone ? 0 : wanted);
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
  if (thread.joinable() && thread.get_id() == std::this_thread::get_id()) {
    thread.detach();  // it holds this object, and touches nothing else any more
  } else if (thread.joinable()) {
    thread.join();
  }
  if (Status status = cursors_.Save(); !status.ok()) {
    Log(LogLevel::kWarning, "named watches will repeat rows: " + status.ToString());
  }
}

void Watches::Dropped() {
  cursors_.Drop();
  std::vector<Ref<Watch>> ended;
  std::vector<std::string> lines;
  {
    const std::lock_guard lock(mutex_);
    while (!by_callback_.empty()) {
      Watch& watch = *by_callback_.begin()->second;
      lines.push_back(watch.Describe() + " ends: its keyspace was dropped");
      ended.push_back(End(watch));
    }
  }
  for (const std::string& line : lines) Log(LogLevel::kInfo, line);
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
      if (!watch->by_state) watch->acked = watch->next;
      if (!watch->options.name.empty()) MoveCursor(*watch);
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

void Watches::EndReleased(const std::string& name) {
  Ref<Watch> ended;
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(by_callback_.begin(), by_callback_.end(), [&](const auto& entry) {
    return entry.second->options.name == name;
  });
  if (found == by_callback_.end()) return;
  const Ref<Watch> watch = found->second;
  if (!Registry::Find(watch->subscription, Kind::kSubscription).ok()) ended = End(*watch);
}

void Watches::MoveCursor(const Watch& watch) {
  cursors_.Move(watch.options.name, watch.acked);
  if (save_cursors_at_ns_ != 0) return;
  save_cursors_at_ns_ = surroundings_.clock->MonotonicNs() + kSaveEveryNs;
}

Ref<Watch> Watches::End(Watch& watch) {
  watch.ended = true;
  // The dispatcher lets go of what it reads the state by.
  if (watch.by_state) Queue(watch);
  if (std::exchange(watch.holds_name, false)) {
    MoveCursor(watch);
    cursors_.Detach(watch.options.name);
    wake_.notify_one();
  }
  index_.Remove(watch.prefix, &watch);
  if (watch.retry_at_ns != 0) timers_.erase({watch.retry_at_ns, &watch});
  (void)Registry::Release(watch.callback);
  const auto [first, last] = by_callback_.equal_range(watch.callback_object);
  const auto found =
      std::find_if(first, last, [&](const auto& entry) { return entry.second.get() == &watch; });
  if (found == last) return {};
  Ref<Watch> forgotten = std::move(found->second);
  by_callback_.erase(found);
  showing_old_rows_ -= watch.ShowsOldRows() ? 1U : 0U;
  named_count_ -= watch.options.name.empty() ? 0U : 1U;
  watch_count_.store(by_callback_.size());
  return forgotten;
}

void Watches::Log(LogLevel level, const std::string& text) const {
  if (surroundings_.log) surroundings_.log(level, text);
}

}  // namespace belay::engine
