#include "broker/registry/graveyard.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace belay::registry {
namespace {

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::string Seconds(std::int64_t ns) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(ns) / 1e9);
  return text;
}

}  // namespace

Graveyard::Graveyard(Options options)
    : options_(std::move(options)), texts_(std::max<std::size_t>(options_.texts, 2)) {
  if (options_.tombstones != 0) stones_.emplace(options_.tombstones);
}

std::int64_t Graveyard::AgeNs(std::int64_t ended_ns) const {
  const std::lock_guard lock(mutex_);
  if (!closed_) return options_.clock->CoarseMonotonicNs() - ended_ns;
  return closed_ns_ - ended_ns + base::Clock::System().MonotonicNs() - closed_system_ns_;
}

std::string Graveyard::Tell(const Tombstone& stone) const {
  const Text what = texts_.Find(stone.tag_id);
  const Text who = texts_.Find(stone.owner_id);
  std::string told = std::string(EndingText(stone.ending)) + " " + Quoted(who.name) + " " +
                     Seconds(std::max<std::int64_t>(AgeNs(stone.ended_ns), 0)) + " ago on thread " +
                     std::to_string(stone.thread_id);
  if (!what.name.empty()) told += "; it was " + Quoted(what.name);
  if (!what.site.empty()) told += " (" + what.site + ")";
  return told;
}

void Graveyard::Log(LogLevel level, std::string_view text) {
  bool has_log = false;
  {
    const std::lock_guard lock(mutex_);
    has_log = options_.log && !closed_;
    if (has_log) ++telling_;
  }
  if (!has_log) {
    std::fprintf(stderr, "belay: %.*s\n", static_cast<int>(text.size()), text.data());
    return;
  }
  try {
    options_.log(level, text);
  } catch (...) {  // NOLINT(bugprone-empty-catch): a line that cannot be written undoes nothing
  }
  const std::lock_guard lock(mutex_);
  --telling_;
  told_.notify_all();
}

void Graveyard::Close() {
  std::unique_lock lock(mutex_);
  closed_ns_ = options_.clock->CoarseMonotonicNs();
  closed_system_ns_ = base::Clock::System().MonotonicNs();
  closed_ = true;
  told_.wait(lock, [this] { return telling_ == 0; });
}

void Graveyards::Add(std::shared_ptr<Graveyard> graveyard) {
  const std::lock_guard lock(mutex_);
  closed_.reserve(kClosedKept + 1);  // Closed() needs no memory
  open_.push_back(std::move(graveyard));
}

void Graveyards::Closed(const Graveyard& graveyard) noexcept {
  std::shared_ptr<Graveyard> oldest;  // destroyed after the lock
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(open_.begin(), open_.end(),
                                  [&](const auto& each) { return each.get() == &graveyard; });
  if (found == open_.end()) return;
  closed_.push_back(std::move(*found));
  open_.erase(found);
  if (closed_.size() <= kClosedKept) return;
  oldest = std::move(closed_.front());
  closed_.erase(closed_.begin());
}

Graveyards::Found Graveyards::Find(Handle handle) const {
  const std::lock_guard lock(mutex_);
  for (const auto* list : {&open_, &closed_}) {
    for (const auto& graveyard : *list) {
      if (const auto stone = graveyard->Find(handle)) return {graveyard, *stone};
    }
  }
  return {};
}

std::shared_ptr<Graveyard> Graveyards::Strictest() const {
  const std::lock_guard lock(mutex_);
  const auto strictest =
      std::max_element(open_.begin(), open_.end(),
                       [](const auto& a, const auto& b) { return a->misuse() < b->misuse(); });
  return strictest == open_.end() ? nullptr : *strictest;
}

}  // namespace belay::registry
