// One place in the handle table: 48 bytes for each handle.
//
// The hot half, 32 bytes, is all that a call reads. The cold half, 16 bytes, is bookkeeping.
//
// A slot's key is the handle that leads to it, in one of four forms: what a call may do with it. All other
// words of the handle (kind, generation, slot) stay readable in every form, also in a slot that is
// free: so the key needs no field beside it.
//
// Invariant: a number that was never handed out equals no slot's key. A form changes the lowest bits of the
// slot number that the handle names, so a number that is equal to the key leads to another slot.
//
// Thread safety: see handle_table.h.
#pragma once

#include <atomic>
#include <cstdint>

#include "broker/registry/handle.h"

// The C ABI's view of one call; only ever passed through here.
struct belay_call;

namespace belay::registry {

// How a callback is called in-process; the C ABI's belay_callback_fn.
using NativeFunction = std::int32_t (*)(void* context, ::belay_call* call);

enum class Form : std::uint64_t {
  kFast = 0,   // calls run the function at once
  kSlow = 1,   // live, but a call must ask: no right to invoke, suspended, draining, not a callback
  kGated = 2,  // live, and calls go through Registry::Submit: an executor, a gate, another process
  kRetired = 3,  // released; or free
};

constexpr std::uint64_t KeyOf(Handle handle, Form form) noexcept {
  return handle ^ static_cast<std::uint64_t>(form);
}
// The handle in a key of slot `slot`.
constexpr Handle HandleOf(std::uint64_t key, std::uint32_t slot) noexcept {
  return (key & ~Handle{3}) | (slot & 3U);
}
// True if `key`, read from the slot that `handle` leads to, is that handle in any form.
constexpr bool IsFormOf(std::uint64_t key, Handle handle) noexcept { return (key ^ handle) <= 3; }
// True if it is that handle in a form that is live.
constexpr bool IsLiveFormOf(std::uint64_t key, Handle handle) noexcept {
  return (key ^ handle) < static_cast<std::uint64_t>(Form::kRetired);
}
constexpr Form FormOf(std::uint64_t key, std::uint32_t slot) noexcept {
  return static_cast<Form>((key ^ slot) & 3U);
}

struct alignas(32) Slot {
  std::atomic<std::uint64_t> key{0};
  NativeFunction function = nullptr;
  void* context = nullptr;
  // Number of the object (object_arena.h), on which the slot holds a reference; 0: free.
  std::atomic<std::uint32_t> object{0};
  std::uint32_t created_ticks = 0;  // see Registry::Ticks
};
static_assert(sizeof(Slot) == 32);

// The number of a slot, in three bytes; 0 is none.
class SlotNumber {
 public:
  SlotNumber() = default;
  SlotNumber(std::uint32_t number) noexcept  // NOLINT: implicit by intent
      : bytes_{static_cast<std::uint8_t>(number), static_cast<std::uint8_t>(number >> 8U),
               static_cast<std::uint8_t>(number >> 16U)} {}
  operator std::uint32_t() const noexcept {  // NOLINT: implicit by intent
    return bytes_[0] | std::uint32_t{bytes_[1]} << 8U | std::uint32_t{bytes_[2]} << 16U;
  }

 private:
  std::uint8_t bytes_[3] = {};
};

// Guarded by the mutex of the object's registry; while the slot is free, by the table's.
struct ColdSlot {
  SlotNumber holder;                    // that of the owner who holds the handle; 0 once retired
  SlotNumber holder_prev, holder_next;  // handles of one holder
  SlotNumber object_prev, object_next;  // handles of one object
  std::uint8_t rights = 0;

  // The next retired, or free, slot: by then nobody holds it.
  SlotNumber& next() noexcept { return holder_next; }
};
static_assert(sizeof(ColdSlot) == 16);

}  // namespace belay::registry
