#include "tests/model/failing_new.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace belay::model {
namespace {

thread_local constinit std::uint64_t left = 0;  // until the one that fails; 0: none does
thread_local constinit bool has_failed = false;
thread_local constinit std::size_t too_large = 0;  // sizes from here on fail; 0: none does
constinit std::atomic<std::int64_t> live{0};

void* Allocate(std::size_t size, std::size_t alignment) noexcept {
  if (left != 0 && --left == 0) {
    has_failed = true;
    return nullptr;
  }
  if (too_large != 0 && size >= too_large) return nullptr;
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  void* const memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory != nullptr) live.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

void* AllocateOrThrow(std::size_t size, std::size_t alignment) {
  void* const memory = Allocate(size, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void Free(void* memory) noexcept {
  if (memory == nullptr) return;
  live.fetch_sub(1, std::memory_order_relaxed);
  std::free(memory);
}

constexpr std::size_t kAlignment = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

}  // namespace

FailNth::FailNth(std::uint64_t n) {
  has_failed = false;
  left = n;
}
FailNth::~FailNth() { left = 0; }
bool FailNth::failed() const noexcept { return has_failed; }
FailLarge::FailLarge(std::size_t size_bytes) { too_large = size_bytes; }
FailLarge::~FailLarge() { too_large = 0; }
std::int64_t LiveAllocations() { return live.load(std::memory_order_relaxed); }

}  // namespace belay::model

using namespace belay::model;

// All forms: the C++ library's own end in the first two, but not those of the sanitizers.
void* operator new(std::size_t size) { return AllocateOrThrow(size, kAlignment); }
void* operator new[](std::size_t size) { return AllocateOrThrow(size, kAlignment); }
void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  return Allocate(size, kAlignment);
}
void* operator new[](std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  return Allocate(size, kAlignment);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return AllocateOrThrow(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return AllocateOrThrow(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, std::align_val_t alignment,
                   const std::nothrow_t& /*tag*/) noexcept {
  return Allocate(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment,
                     const std::nothrow_t& /*tag*/) noexcept {
  return Allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { Free(memory); }
void operator delete[](void* memory) noexcept { Free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { Free(memory); }
void operator delete[](void* memory, std::size_t /*size*/) noexcept { Free(memory); }
void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept { Free(memory); }
void operator delete[](void* memory, std::align_val_t /*alignment*/) noexcept { Free(memory); }
void operator delete(void* memory, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept {
  Free(memory);
}
void operator delete[](void* memory, std::size_t /*size*/,
                       std::align_val_t /*alignment*/) noexcept {
  Free(memory);
}
