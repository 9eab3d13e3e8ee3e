// Watches that are not at rest: what is read for one of them alone, and the cursors of those that have a name.
#include <algorithm>

#include "broker/engine/watches.h"

namespace belay::engine {

using base::Code;
using base::Result;
using base::Status;
using registry::LogLevel;
using registry::Ref;
using storage::Revision;
using storage::RowKind;

void Watches::Advance(Lock& lock, const Ref<Watch>& watch) {
  if (watch->ended) {
    lock.unlock();
    watch->state.reset();
    lock.lock();
    return;
  }
  if (watch->in_call || watch->retry_at_ns != 0) return;
  if (!watch->rows.empty()) {
    watch->in_call = true;
    Send(lock, {watch});
    return;
  }
  if (watch->unread == 0) return;
  const Revision from = watch->unread;
  if (IsTooFarBehind(*watch)) {
    TellState(lock, watch,
              "it is behind by more than its limit of " + std::to_string(watch->options.lag_limit) +
                  " revisions");
    if (watch->ended) return;
  }
  const bool by_state = watch->by_state;
  lock.unlock();
  auto read = by_state ? ReadState(*watch) : ReadChanges(*watch, from);
  lock.lock();
  if (watch->ended) {
    Queue(*watch);
    return;
  }
  if (!read.ok()) {
    ReadFailed(lock, watch, read.status());
    return;
  }
  watch->failures = 0;
  if (read->next != 0) {
    watch->by_state = false;
    watch->next = read->next;
    watch->unread = watch->next <= head_ ? watch->next : 0;
  }
  if (read->row_count > 0) {
    watch->rows = std::move(read->rows);
    watch->in_call = true;
    Send(lock, {watch});
  } else if (watch->unread != 0) {
    Queue(*watch);
  }
}

Result<Watches::Portion> Watches::ReadChanges(const Watch& watch, Revision from) {
  auto page = ReadPage(from, watch.options.start, watch.options.end, watch.options.old_rows);
  if (!page.ok()) return page.status();
  return Portion{std::move(page->rows), page->row_count, page->next_revision};
}

Result<Watches::Portion> Watches::ReadState(Watch& watch) {
  storage::RowBlockBuilder rows;
  if (watch.state == nullptr) {
    storage::ScanOptions options;
    options.start = watch.options.start;
    options.end = watch.options.end;
    options.read.keyspace = keyspace_;
    auto scan = surroundings_.store->NewScan(options);
    if (!scan.ok()) return scan.status();
    watch.state = std::move(*scan);
    rows.Append({watch.state->revision(), RowKind::kReset, {}, {}});
  }
  Portion portion;
  const Status status = watch.state->Next(&rows, kWatchPageRows, kWatchPageBytes);
  if (status.code() == Code::kEnd) {
    const Revision revision = watch.state->revision();
    rows.Append({revision, RowKind::kSynced, {}, {}});
    portion.next = revision + 1;
    watch.state.reset();
  } else if (!status.ok()) {
    watch.state.reset();  // it begins anew, with another reset
    return status;
  }
  portion.row_count = rows.row_count();
  portion.rows = rows.Take();
  return portion;
}

bool Watches::IsTooFarBehind(const Watch& watch) const {
  const Revision newest = newest_.load();
  return watch.options.lag_limit != 0 && !watch.by_state && newest > watch.unread &&
         newest - watch.unread > watch.options.lag_limit;
}

void Watches::TellState(Lock& lock, const Ref<Watch>& watch, const std::string& why) {
  watch->by_state = true;
  lock.unlock();
  Log(LogLevel::kWarning, watch->Describe() + " is told the state instead of the changes: " + why);
  lock.lock();
}

void Watches::ReadFailed(Lock& lock, const Ref<Watch>& watch, const Status& status) {
  if (status.code() == Code::kCompacted) {
    TellState(lock, watch, status.ToString());
    Queue(*watch);
    return;
  }
  RetryLater(*watch);
  if (watch->failures != 1) return;
  lock.unlock();
  Log(LogLevel::kWarning, watch->Describe() + " waits for the store: " + status.ToString());
  lock.lock();
}

void Watches::MoveQuietCursors() {
  quiet_from_ = head_;
  for (const auto& [callback, watch] : by_callback_) {
    if (watch->options.name.empty() || !watch->AtRest()) continue;
    watch->acked = std::max(watch->next, head_ + 1);
    MoveCursor(*watch);
  }
}

void Watches::SaveCursors(Lock& lock) {
  save_cursors_at_ns_ = 0;
  lock.unlock();
  const Status status = cursors_.Save();
  lock.lock();
  if (status.ok() || stopping_) return;
  // It says what is wrong when it cannot be read or written; here it is only tried again.
  save_cursors_at_ns_ = surroundings_.clock->MonotonicNs() + kLongestPauseNs;
}

}  // namespace belay::engine
