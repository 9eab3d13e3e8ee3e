#include "broker/registry/events.h"

#include <algorithm>
#include <cassert>
#include <chrono>

namespace belay::registry {
namespace {

constexpr std::uint64_t Pack(std::uint32_t high, std::uint32_t low) noexcept {
  return std::uint64_t{high} << 32U | low;
}
constexpr std::uint32_t High(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word >> 32U);
}
constexpr std::uint32_t Low(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word);
}

}  // namespace

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

EventRing::EventRing(std::size_t capacity)
    : capacity_(capacity), slots_(std::make_unique<Slot[]>(capacity)) {
  assert(capacity > 0);
}

std::uint64_t EventRing::Append(const Event& event) noexcept {
  const std::uint64_t sequence = last_.load(std::memory_order_relaxed) + 1;
  Slot& slot = slots_[next_slot_];
  next_slot_ = next_slot_ + 1 == capacity_ ? 0 : next_slot_ + 1;

  slot.sequence.store(0, std::memory_order_relaxed);
  slot.handle.store(event.handle, std::memory_order_release);
  slot.unix_ns.store(event.unix_ns, std::memory_order_release);
  slot.tag_and_owner.store(Pack(event.tag_id, event.owner_id), std::memory_order_release);
  slot.thread_and_type.store(Pack(event.thread_id, static_cast<std::uint32_t>(event.type)),
                             std::memory_order_release);
  slot.sequence.store(sequence, std::memory_order_release);

  last_.store(sequence, std::memory_order_seq_cst);
  if (is_awaited_.load(std::memory_order_seq_cst)) [[unlikely]]
    WakeWaiters();
  return sequence;
}

bool EventRing::ReadSlot(std::uint64_t sequence, Event* event) const noexcept {
  const Slot& slot = slots_[(sequence - 1) % capacity_];
  if (slot.sequence.load(std::memory_order_acquire) != sequence) return false;
  event->sequence = sequence;
  event->handle = slot.handle.load(std::memory_order_acquire);
  event->unix_ns = slot.unix_ns.load(std::memory_order_acquire);
  const std::uint64_t tag_and_owner = slot.tag_and_owner.load(std::memory_order_acquire);
  const std::uint64_t thread_and_type = slot.thread_and_type.load(std::memory_order_acquire);
  event->tag_id = High(tag_and_owner);
  event->owner_id = Low(tag_and_owner);
  event->thread_id = High(thread_and_type);
  event->type = static_cast<EventType>(Low(thread_and_type));
  return slot.sequence.load(std::memory_order_relaxed) == sequence;
}

EventRing::Page EventRing::Read(std::uint64_t from_sequence, std::span<Event> out) const noexcept {
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
