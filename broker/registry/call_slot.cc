#include "broker/registry/call_slot.h"

#include <algorithm>
#include <new>

#include "broker/registry/handle_table.h"

namespace belay::registry {
namespace {

constexpr std::uint64_t kSubmitted = std::uint64_t{1} << 63U;

std::uint64_t IdOf(std::uint64_t word, std::uint32_t number) {
  const std::uint64_t generation = word >> CallSlot::kGenerationShift;
  return kSubmitted | (generation << CallSlots::kNumberBits) | number;
}

// The thread that ended the last call in it has the slot's lines: they are asked for, to be written, before they
// are needed.
void SendFor(CallSlot& slot) noexcept {
  auto* const bytes = reinterpret_cast<std::byte*>(&slot);
  for (std::size_t line = 0; line < sizeof slot; line += 64) __builtin_prefetch(bytes + line, 1);
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
      CallSlot* const slot = TakeLocked();
      if (slot == nullptr) break;
      cache.slots[cache.count++] = slot;
    }
    if (cache.count == 0) return nullptr;
  }
  CallSlot* const taken = cache.slots[--cache.count];
  if (cache.count != 0) SendFor(*cache.slots[cache.count - 1]);
  return taken;
}

void CallSlots::Give(CallSlot& slot) noexcept {
  ThreadRecord* const record = HandleTable::Get().Thread();
  if (record == nullptr) {
    const std::lock_guard lock(mutex_);
    GiveLocked(slot);
    return;
  }
  CallSlotCache& cache = record->call_slots;
  if (cache.count == CallSlotCache::kMost) {
    const std::lock_guard lock(mutex_);
    while (cache.count > CallSlotCache::kMost / 2) GiveLocked(*cache.slots[--cache.count]);
  }
  cache.slots[cache.count++] = &slot;
}

CallSlot* CallSlots::Find(std::uint64_t id) noexcept {
  const auto number = static_cast<std::uint32_t>(id & (kMost - 1));
  if ((id & kSubmitted) == 0 || number >= used_.load(std::memory_order_acquire)) return nullptr;
  return &At(number);
}

CallSlot* CallSlots::TakeLocked() noexcept {
  if (!free_.empty()) {
    CallSlot* const slot = free_.back();
    free_.pop_back();
    return slot;
  }
  const std::uint32_t number = used_.load(std::memory_order_relaxed);
  if (number == kMost || (chunks_[number >> kChunkBits] == nullptr && !MakeChunk(number)))
    return nullptr;
  CallSlot& slot = At(number);
  slot.number = number;
  used_.store(number + 1, std::memory_order_release);  // whoever reads it finds the chunk
  return &slot;
}

bool CallSlots::MakeChunk(std::uint32_t used) noexcept {
  try {
    if (const std::size_t needed = used + kChunk; free_.capacity() < needed)
      free_.reserve(std::max(needed, free_.capacity() * 2));
    chunks_[used >> kChunkBits] = std::make_unique<CallSlot[]>(kChunk);
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

void CallSlots::GiveLocked(CallSlot& slot) noexcept { free_.push_back(&slot); }

}  // namespace belay::registry
