// The dispatcher's thread: reads history, hands rows out, repeats what failed.
#include <algorithm>
#include <chrono>

#include "broker/engine/watches.h"

namespace belay::engine {

using base::Code;
using base::Status;
using registry::Kind;
using registry::LogLevel;
using registry::Ref;
using registry::Registry;
using storage::Revision;

namespace {

constexpr std::chrono::microseconds kDoze(500);

}  // namespace

void Watches::Run() {
  Lock lock(mutex_);
  while (!stopping_) {
    for (const auto& watch : std::exchange(joining_, {})) Join(watch);
    const std::int64_t now_ns = surroundings_.clock->MonotonicNs();
    QueueDue(now_ns);
    // In turn, so that neither those who catch up nor those at rest wait for the others.
    bool worked = false;
    if (HeadIsBehind(now_ns) && (!head_rests_ || !ready_.empty())) {
      ReadHead(lock);
      worked = true;
    }
    if (!stopping_ && !ready_.empty()) {
      const Ref<Watch> watch = std::move(ready_.front());
      ready_.pop_front();
      watch->queued = false;
      Advance(lock, watch);
      worked = true;
    }
    if (save_cursors_at_ns_ != 0 && now_ns >= save_cursors_at_ns_) SaveCursors(lock);
    if (worked) {
      has_dozed_ = false;
    } else {
      Sleep(lock, now_ns);
    }
  }
}

void Watches::Join(const Ref<Watch>& watch) {
  if (watch->ended) return;
  // Nobody was there to read for: what the first one wants before this it reads by itself.
  if (index_.empty()) head_ = std::max(head_, watch->attached_at);
  index_.Add(watch->prefix, watch.get());
  if (watch->next > head_ && !watch->by_state) return;
  watch->unread = watch->next;
  Queue(*watch);
}

bool Watches::HeadIsBehind(std::int64_t now_ns) const {
  return !index_.empty() && newest_.load() > head_ && now_ns >= head_retry_at_ns_;
}

void Watches::ReadHead(Lock& lock) {
  const Revision from = head_ + 1;
  const Revision newest = newest_.load();
  const auto range = index_.range();
  const auto old_rows =
      showing_old_rows_ != 0 ? storage::OldRows::kShow : storage::OldRows::kLeaveOut;
  lock.unlock();
  const auto page = ReadPage(from, range.start, range.end, old_rows);
  lock.lock();
  if (stopping_) return;
  if (!page.ok()) {
    HeadFailed(lock, page.status());
    return;
  }
  const auto due = Distribute(*page);
  if (!due.ok()) {
    HeadFailed(lock, due.status());
    return;
  }
  head_ = page->next_revision - 1;
  head_rests_ = head_ >= newest;
  head_failures_ = 0;
  head_retry_at_ns_ = 0;
  if (named_count_ != 0 && head_ >= quiet_from_ + kQuietRevisions) MoveQuietCursors();
  Send(lock, *due);
}

base::Result<storage::HistoryPage> Watches::ReadPage(Revision from, std::string_view start,
                                                     std::string_view end,
                                                     storage::OldRows old_rows) {
  auto page = surroundings_.store->ReadHistory(
      {from, start, end, kWatchPageRows, kWatchPageBytes, keyspace_, old_rows});
  if (!page.ok() || page->next_revision > from) return page;
  return Status(Code::kInternal,
                "revision " + std::to_string(from) + " was announced and is not in the history");
}

base::Result<std::vector<Ref<Watch>>> Watches::Distribute(const storage::HistoryPage& page) {
  std::vector<Ref<Watch>> due;
  if (page.row_count == 0) return due;
  auto reader = storage::RowBlockReader::Open(page.rows);
  Status status = reader.status();
  storage::Row row;
  storage::Row old;  // of the row after it
  while (status.ok() && (status = reader->Next(&row)).ok()) {
    if (row.kind == storage::RowKind::kOld) {
      old = row;
      continue;
    }
    index_.ForEachMatch(row.key, [&](Watch* watch) {
      if (row.revision < watch->next || !watch->Wants(row.key)) return;
      if (watch->AtRest()) {
        if (watch->batch.row_count() == 0) due.push_back(Ref<Watch>(watch));
        if (watch->ShowsOldRows() && old.key == row.key) watch->batch.Append(old);
        watch->batch.Append(row);
      } else if (watch->unread == 0) {
        watch->unread = row.revision;
      }
    });
    old = {};
  }
  const bool is_whole = status.code() == Code::kEnd;
  for (const auto& watch : due) {
    std::string rows = watch->batch.Take();
    if (!is_whole) continue;
    watch->rows = std::move(rows);
    watch->next = page.next_revision;
    watch->in_call = true;
  }
  if (!is_whole) return status;
  return due;
}

void Watches::HeadFailed(Lock& lock, const Status& status) {
  if (status.code() == Code::kCompacted) {
    // Each watch finds out for itself whether it has missed anything.
    const Revision oldest = surroundings_.store->OldestRevision();
    for (const auto& [callback, watch] : by_callback_) {
      if (watch->unread != 0) continue;
      watch->unread = std::max(watch->next, head_ + 1);
      if (!watch->in_call) Queue(*watch);
    }
    head_ = std::max(head_ + 1, oldest) - 1;
    return;
  }
  const std::uint32_t doublings = std::min(head_failures_, 10U);
  head_retry_at_ns_ =
      surroundings_.clock->MonotonicNs() + std::min(kFirstPauseNs << doublings, kLongestPauseNs);
  if (head_failures_++ != 0) return;
  lock.unlock();
  Log(LogLevel::kWarning, "watches wait, the store's history cannot be read: " + status.ToString());
  lock.lock();
}

void Watches::Send(Lock& lock, const std::vector<Ref<Watch>>& watches) {
  lock.unlock();
  for (const auto& watch : watches) {
    registry::Request request;
    request.payload = watch->rows;
    request.caller = watch->label();
    surroundings_.pool->InvokeAsync(
        watch->callback, std::move(request),
        [watch](const registry::Outcome& outcome) { watch->dispatcher->Completed(watch, outcome); },
        [watch] { return Registry::Find(watch->subscription, Kind::kSubscription).ok(); });
  }
  lock.lock();
}

void Watches::QueueDue(std::int64_t now_ns) {
  while (!timers_.empty() && timers_.begin()->first <= now_ns) {
    Watch& watch = *timers_.begin()->second;
    timers_.erase(timers_.begin());
    watch.retry_at_ns = 0;
    Queue(watch);
  }
}

// The pauses are told by the injected clock; waiting is done in real time, and the clock asked again.
void Watches::Sleep(Lock& lock, std::int64_t now_ns) {
  if (!std::exchange(has_dozed_, true)) {
    wake_.wait_for(lock, kDoze);
    head_rests_ = false;
    return;
  }
  asleep_.store(true);
  if (!HeadIsBehind(now_ns)) {
    std::int64_t until_ns = timers_.empty() ? 0 : timers_.begin()->first;
    for (const std::int64_t at_ns : {head_retry_at_ns_, save_cursors_at_ns_}) {
      if (at_ns > now_ns && (until_ns == 0 || at_ns < until_ns)) until_ns = at_ns;
    }
    if (until_ns == 0) {
      wake_.wait(lock);
    } else {
      wake_.wait_for(lock, std::chrono::nanoseconds(until_ns - now_ns));
    }
  }
  asleep_.store(false);
}

}  // namespace belay::engine
