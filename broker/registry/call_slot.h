// Where submitted calls live, and how a call's id finds it.
//
// A submitted call has an id: top bit | generation | slot number. The top bit tells it from the id of a call that
// its caller runs (pin.h). A slot has room for one AsyncCall, so that submitting needs no allocator, and a
// word that says how far the call in it has got. Slots are never given back to the system: whoever has
// an id, however old, may look at the word.
//
// Invariants
//   - A slot's generation grows with each call in it, so an id leads to one call or to none.
//   - Whoever sets kEnded takes the call's completion; nobody else touches it (R18).
//   - While kTaking is set the call is not destroyed.
//
// Memory order. The word is written with release and read with acquire: who finds a call live sees the
// call, and who finds kTaking cleared may destroy what was taken.
//
// Thread safety: CallSlots is safe from any thread; its mutex is a leaf. A CallSlotCache is its thread's.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace belay::registry {

struct CallSlot;

// Free slots that a thread keeps for itself.
struct CallSlotCache {
  static constexpr std::uint32_t kMost = 64;
  std::uint32_t count = 0;
  std::array<CallSlot*, kMost> slots;
};

struct alignas(64) CallSlot {
  // Bits of `word` below the generation.
  static constexpr std::uint64_t kLive = 1;
  static constexpr std::uint64_t kBegun = 2;
  static constexpr std::uint64_t kCancelled = 4;
  static constexpr std::uint64_t kTaking = 8;  // somebody is moving the completion out
  static constexpr std::uint64_t kEnded = 16;
  static constexpr std::uint64_t kHandedOut = 32;  // a queue's host has it
  static constexpr std::uint64_t kTicket =
      64;  // no call: the id of another thing that a host finishes
  static constexpr unsigned kGenerationShift = 8;

  static constexpr std::size_t kCallBytes = 384;

  std::uint64_t Id(std::uint64_t a_word) const noexcept;

  std::atomic<std::uint64_t> word{0};
  std::atomic<std::uint64_t> host{0};  // handle of the queue that handed the call out
  // The memory of the last call's request, for the next: one thread's malloc for another thread's free is the
  // slow way. The call's own, while there is one.
  static constexpr std::size_t kMostSpareBytes = 256;
  std::string spare;
  std::uint32_t number = 0;
  alignas(16) std::byte call[kCallBytes];
};

class CallSlots {
 public:
  // How many submitted calls a process may have that have not ended.
  static constexpr unsigned kNumberBits = 20;
  static constexpr std::uint32_t kMost = 1U << kNumberBits;

  static CallSlots& Get();

  // Null when all are taken, or there is no memory.
  CallSlot* Take() noexcept;
  void Give(CallSlot& slot) noexcept;
  // The slot that `id` names, if any ever had that number. Its word says whether the call is still there.
  CallSlot* Find(std::uint64_t id) noexcept;
  // Calls fn(slot) for each slot that was ever used.
  template <typename Fn>
  void ForEach(Fn fn) {
    const std::uint32_t end = used_.load(std::memory_order_acquire);
    for (std::uint32_t number = 0; number < end; ++number) fn(At(number));
  }

 private:
  static constexpr unsigned kChunkBits = 8;
  static constexpr std::uint32_t kChunk = 1U << kChunkBits;
  CallSlot& At(std::uint32_t number) noexcept {
    return chunks_[number >> kChunkBits][number & (kChunk - 1)];
  }
  // REQUIRES for all: mutex_ held. The first two: null, and false, if there is no more.
  CallSlot* TakeLocked() noexcept;
  bool MakeChunk(std::uint32_t used) noexcept;
  void GiveLocked(CallSlot& slot) noexcept;

  std::mutex mutex_;
  std::array<std::unique_ptr<CallSlot[]>, kMost / kChunk> chunks_;  // stay once made
  std::atomic<std::uint32_t> used_{0};
  // Has room for all that there are, so that giving needs no memory. Not a list through the slots: whoever takes one
  // would wait for each to come from the processor that gave it.
  std::vector<CallSlot*> free_;
};

}  // namespace belay::registry
