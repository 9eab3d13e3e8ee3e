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
    const std::uint32_t number = TakeLocked();
    return number == kNone ? nullptr : &At(number);
  }
  CallSlotCache& cache = record->call_slots;
  if (cache.count == 0) {
    const std::lock_guard lock(mutex_);
    while (cache.count < CallSlotCache::kMost / 2) {
      const std::uint32_t number = TakeLocked();
      if (number == kNone) break;
      cache.numbers[cache.count++] = number;
    }
    if (cache.count == 0) return nullptr;
  }
  CallSlot& taken = At(cache.numbers[--cache.count]);
  if (cache.count != 0) SendFor(At(cache.numbers[cache.count - 1]));
  return &taken;
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

std::uint32_t CallSlots::TakeLocked() noexcept {
  if (!free_.empty()) {
    const std::uint32_t number = free_.back();
    free_.pop_back();
    return number;
  }
  const std::uint32_t number = used_.load(std::memory_order_relaxed);
  if (number == kMost || (chunks_[number >> kChunkBits] == nullptr && !MakeChunk(number)))
    return kNone;
  At(number).number = number;
  used_.store(number + 1, std::memory_order_release);  // whoever reads it finds the chunk
  return number;
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

void CallSlots::GiveLocked(std::uint32_t number) noexcept { free_.push_back(number); }

}  // namespace belay::registry
