#include "broker/registry/object_arena.h"

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
  if (first_free_ != 0) {
    const std::uint32_t number = first_free_ << 1U;
    Permit(cell(number), kCellBytes);
    calls(number).store(0, std::memory_order_relaxed);
    std::memcpy(&first_free_, cell(number), sizeof first_free_);
    return number;
  }
  if (used_ == kMaxChunks * kChunkCells) return 0;
  auto& chunk = chunks_[used_ >> kChunkBits];
  if (chunk == nullptr) {
    chunk.reset(new (std::nothrow) Chunk);
    if (chunk == nullptr) return 0;
    Forbid(chunk->cells.data(), sizeof chunk->cells);
  }
  const std::uint32_t number = used_++ << 1U;
  Permit(cell(number), kCellBytes);
  return number;
}

std::size_t ObjectArena::Take(std::span<std::uint32_t> numbers) noexcept {
  const std::lock_guard lock(mutex_);
  std::size_t taken = 0;
  for (; taken < numbers.size(); ++taken) {
    numbers[taken] = TakeCell();
    if (numbers[taken] == 0) break;
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
  Memory* const freed = cell(number);
  std::memcpy(freed, &first_free_, sizeof first_free_);
  first_free_ = number >> 1U;
  Forbid(freed, kCellBytes);
}

Object* ObjectArena::Get(std::uint32_t number) noexcept {
  Memory* const found = cell(number);
  if ((number & kIsPointer) == 0) return reinterpret_cast<Object*>(found);
  Object* object = nullptr;
  std::memcpy(&object, found, sizeof object);
  return object;
}

}  // namespace belay::registry
