#include "broker/registry/events.h"

#include <algorithm>
#include <cassert>
#include <chrono>

namespace belay::registry {

std::string_view EventTypeName(EventType type) noexcept {
  switch (type) {
    case EventType::kRegistered: return "registered";
    case EventType::kRetained: return "retained";
    case EventType::kReleased: return "released";
    case EventType::kUnregistered: return "unregistered";
    case EventType::kRevoked: return "revoked";
    case EventType::kDrained: return "drained";
    case EventType::kQuarantined: return "quarantined";
    case EventType::kRestored: return "restored";
    case EventType::kSuspended: return "suspended";
    case EventType::kResumed: return "resumed";
    case EventType::kTransferred: return "transferred";
    case EventType::kOwnerOpened: return "owner opened";
    case EventType::kOwnerClosed: return "owner closed";
    case EventType::kLeaked: return "leaked";
  }
  return "unknown";
}

EventRing::EventRing(std::size_t capacity, FenceMode fence_mode)
    : capacity_(capacity),
      fence_mode_(fence_mode),
      slots_(std::make_unique<RecordSlot[]>(capacity)) {
  assert(capacity > 0);
}

std::uint64_t EventRing::Append(const HandleEvent& event) noexcept {
  const std::uint64_t sequence = last_.load(std::memory_order_relaxed) + 1;
  slots_[next_slot_].Write(sequence, {event.handle, event.unix_ns, event.tag_id, event.owner_id,
                                      event.thread_id, static_cast<std::uint32_t>(event.type)});
  next_slot_ = next_slot_ + 1 == capacity_ ? 0 : next_slot_ + 1;

  if (fence_mode_ == FenceMode::kPortable) {
    last_.store(sequence, std::memory_order_seq_cst);
  } else {
    last_.store(sequence, std::memory_order_release);
    LightFence();
  }
  if (is_awaited_.load(std::memory_order_seq_cst)) [[unlikely]]
    WakeWaiters();
  return sequence;
}

bool EventRing::ReadSlot(std::uint64_t sequence, HandleEvent* event) const noexcept {
  Record record;
  if (!slots_[(sequence - 1) % capacity_].Read(sequence, &record)) return false;
  *event = {sequence,
            record.handle,
            record.time_ns,
            record.tag_id,
            record.owner_id,
            record.thread_id,
            static_cast<EventType>(record.what)};
  return true;
}

EventRing::Page EventRing::Read(std::uint64_t from_sequence,
                                std::span<HandleEvent> out) const noexcept {
  Page page;
  std::uint64_t last = last_.load(std::memory_order_acquire);
  page.next = std::max(from_sequence, FirstKept(last));
  while (page.count < out.size() && page.next <= last) {
    if (ReadSlot(page.next, &out[page.count])) {
      ++page.count;
      ++page.next;
      continue;
    }
    // The writer has come round. A page has no gap, so what was copied before it is a page of its
    // own.
    if (page.count > 0) break;
    last = last_.load(std::memory_order_acquire);
    // At least the one that is gone is skipped, also while its successor is not yet in `last`.
    page.next = std::max(page.next + 1, FirstKept(last));
  }
  page.first_kept = FirstKept(last_.load(std::memory_order_acquire));
  return page;
}

bool EventRing::Wait(std::uint64_t sequence, std::int64_t timeout_ns) {
  if (last() >= sequence) return true;
  // Bounded, so that the sum does not overflow: a year is for ever.
  constexpr std::chrono::nanoseconds kMost = std::chrono::hours(24 * 365);
  const auto until = std::chrono::steady_clock::now() +
                     std::clamp(std::chrono::nanoseconds(timeout_ns), {}, kMost);
  std::unique_lock lock(wait_mutex_);
  for (bool in_time = true;;
       in_time = news_.wait_until(lock, until) == std::cv_status::no_timeout) {
    is_awaited_.store(true, std::memory_order_seq_cst);
    HeavyFence(fence_mode_);
    if (last_.load(std::memory_order_seq_cst) >= sequence) return true;
    if (waits_ended_ || !in_time) return false;
  }
}

void EventRing::EndWaits() {
  const std::lock_guard lock(wait_mutex_);
  waits_ended_ = true;
  news_.notify_all();
}

// Cleared and notified under the mutex: whoever set the flag before is asleep by now and is woken,
// whoever sets it later looks at `last_` afterwards.
void EventRing::WakeWaiters() noexcept {
  const std::lock_guard lock(wait_mutex_);
  is_awaited_.store(false, std::memory_order_relaxed);
  news_.notify_all();
}

}  // namespace belay::registry
