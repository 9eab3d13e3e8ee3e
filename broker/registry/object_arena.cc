#include "broker/registry/object_arena.h"

#include <algorithm>
#include <cstring>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define BELAY_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BELAY_ASAN 1
#endif
#endif
#if defined(BELAY_ASAN)
#include <sanitizer/asan_interface.h>
#endif

namespace belay::registry {
namespace {

// A free cell is as forbidden as freed memory: the address sanitizer must see what malloc would show it.
#if defined(BELAY_ASAN)
void Forbid(void* cell, std::size_t size) { __asan_poison_memory_region(cell, size); }
void Permit(void* cell, std::size_t size) { __asan_unpoison_memory_region(cell, size); }
#else
void Forbid(void*, std::size_t) {}
void Permit(void*, std::size_t) {}
#endif

constexpr std::uint32_t kIsPointer = 1;  // the lowest bit of an adopted object's number

}  // namespace

std::uint32_t ObjectArena::TakeCell() noexcept {
  std::uint32_t number = 0;
  if (!free_.empty()) {
    number = free_.back();
    free_.pop_back();
    calls(number).store(0, std::memory_order_relaxed);
  } else if (used_ < made_ || MakeChunk()) {
    number = used_++ << 1U;
  } else {
    return 0;
  }
  Permit(cell(number), kCellBytes);
  return number;
}

bool ObjectArena::MakeChunk() noexcept {
  if (made_ == kMaxChunks * kChunkCells) return false;
  auto& chunk = chunks_[made_ >> kChunkBits];
  try {
    const std::size_t cells = std::size_t{made_} + kChunkCells;
    if (free_.capacity() < cells) free_.reserve(std::max(cells, 2 * free_.capacity()));
  } catch (const std::bad_alloc&) {
    return false;
  }
  chunk.reset(new (std::nothrow) Chunk);
  if (chunk == nullptr) return false;
  Forbid(chunk->cells.data(), sizeof chunk->cells);
  made_ += kChunkCells;
  return true;
}

std::size_t ObjectArena::Take(std::span<std::uint32_t> numbers) noexcept {
  const std::lock_guard lock(mutex_);
  std::size_t taken = 0;
  for (; taken < numbers.size(); ++taken) {
    numbers[taken] = TakeCell();
    if (numbers[taken] == 0) break;
    // It is written soon, and is to come from the processor that freed it.
    __builtin_prefetch(cell(numbers[taken]), 1);
  }
  return taken;
}

std::uint32_t ObjectArena::Adopt(Object* object) noexcept {
  const std::lock_guard lock(mutex_);
  const std::uint32_t number = TakeCell();
  if (number == 0) return 0;
  std::memcpy(cell(number), &object, sizeof object);
  return number | kIsPointer;
}

void ObjectArena::Free(std::uint32_t number) noexcept {
  const std::lock_guard lock(mutex_);
  const std::uint32_t cell_number = number & ~kIsPointer;
  Forbid(cell(cell_number), kCellBytes);
  free_.push_back(cell_number);
}

Object* ObjectArena::Get(std::uint32_t number) noexcept {
  Memory* const found = cell(number);
  if ((number & kIsPointer) == 0) return reinterpret_cast<Object*>(found);
  Object* object = nullptr;
  std::memcpy(&object, found, sizeof object);
  return object;
}

}  // namespace belay::registry
