#include "broker/registry/call_slot.h"

#include <new>

#include "broker/registry/handle_table.h"

namespace belay::registry {
namespace {

constexpr std::uint64_t kSubmitted = std::uint64_t{1} << 63U;

std::uint64_t IdOf(std::uint64_t word, std::uint32_t number) {
  const std::uint64_t generation = word >> CallSlot::kGenerationShift;
  return kSubmitted | (generation << CallSlots::kNumberBits) | number;
}

}  // namespace

// The generation's top bits are cut off by the shifts: after 2^43 calls in one slot an id comes again.
std::uint64_t CallSlot::Id(std::uint64_t a_word) const noexcept { return IdOf(a_word, number); }

CallSlots& CallSlots::Get() {
  static CallSlots* const slots = new CallSlots;  // threads may outlive static objects
  return *slots;
}

// Half a cache at a time: a thread that only takes, and one that only gives, each lock once in 32 calls.
CallSlot* CallSlots::Take() noexcept {
  ThreadRecord* const record = HandleTable::Get().Thread();
  if (record == nullptr) {
    const std::lock_guard lock(mutex_);
    return TakeLocked();
  }
  CallSlotCache& cache = record->call_slots;
  if (cache.count == 0) {
    const std::lock_guard lock(mutex_);
    while (cache.count < CallSlotCache::kMost / 2) {
      const CallSlot* const slot = TakeLocked();
      if (slot == nullptr) break;
      cache.numbers[cache.count++] = slot->number;
    }
    if (cache.count == 0) return nullptr;
  }
  return &At(cache.numbers[--cache.count]);
}

void CallSlots::Give(CallSlot& slot) noexcept {
  ThreadRecord* const record = HandleTable::Get().Thread();
  if (record == nullptr) {
    const std::lock_guard lock(mutex_);
    GiveLocked(slot.number);
    return;
  }
  CallSlotCache& cache = record->call_slots;
  if (cache.count == CallSlotCache::kMost) {
    const std::lock_guard lock(mutex_);
    while (cache.count > CallSlotCache::kMost / 2) GiveLocked(cache.numbers[--cache.count]);
  }
  cache.numbers[cache.count++] = slot.number;
}

CallSlot* CallSlots::Find(std::uint64_t id) noexcept {
  const auto number = static_cast<std::uint32_t>(id & (kMost - 1));
  if ((id & kSubmitted) == 0 || number >= used_.load(std::memory_order_acquire)) return nullptr;
  return &At(number);
}

CallSlot* CallSlots::TakeLocked() noexcept {
  if (first_free_ != kNone) {
    CallSlot& slot = At(first_free_);
    first_free_ = slot.next_free;
    return &slot;
  }
  const std::uint32_t number = used_.load(std::memory_order_relaxed);
  if (number == kMost) return nullptr;
  auto& chunk = chunks_[number >> kChunkBits];
  if (chunk == nullptr) chunk.reset(new (std::nothrow) CallSlot[kChunk]);
  if (chunk == nullptr) return nullptr;
  CallSlot& slot = At(number);
  slot.number = number;
  used_.store(number + 1, std::memory_order_release);  // whoever reads it finds the chunk
  return &slot;
}

void CallSlots::GiveLocked(std::uint32_t number) noexcept {
  At(number).next_free = first_free_;
  first_free_ = number;
}

}  // namespace belay::registry
