// The handle: a 64-bit number through which one holder refers to one object.
//
// Layout, from the top bit:  0 | kind:7 | generation:32 | slot:24.
//
// Invariants
//   - 0 is never a handle, because no kind is 0.
//   - A slot's generation only grows and never wraps, so no two handles ever handed out are equal (R1).
//   - The top bit is clear in every handle: slots use it as a mark (see handle_table.h), and languages
//     without unsigned integers see positive numbers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace belay::registry {

using Handle = std::uint64_t;

// Numbers are part of the C ABI (BELAY_KIND_...).
enum class Kind : std::uint8_t {
  kNone = 0,
  kBroker = 1,
  kOwner = 2,
  kCallback = 3,
  kPin = 4,
  kStore = 5,
  kCursor = 6,
  kSubscription = 7,
  kQueue = 8,
  kStrand = 9,
  kBatch = 10,
};
inline constexpr std::uint8_t kLastKind = 10;

inline constexpr unsigned kSlotBits = 24;
inline constexpr std::uint32_t kMaxGeneration = 0xffff'ffffU;

constexpr Handle MakeHandle(Kind kind, std::uint32_t generation, std::uint32_t slot) noexcept {
  return Handle{static_cast<std::uint8_t>(kind)} << 56U | Handle{generation} << kSlotBits | slot;
}
constexpr std::uint32_t SlotOf(Handle handle) noexcept {
  return static_cast<std::uint32_t>(handle & ((1U << kSlotBits) - 1U));
}
constexpr std::uint32_t GenerationOf(Handle handle) noexcept {
  return static_cast<std::uint32_t>(handle >> kSlotBits);
}
// A number that is no kind if `handle` was forged.
constexpr Kind KindOf(Handle handle) noexcept { return static_cast<Kind>(handle >> 56U); }

constexpr std::string_view KindName(Kind kind) noexcept {
  switch (kind) {
    case Kind::kNone: break;
    case Kind::kBroker: return "broker";
    case Kind::kOwner: return "owner";
    case Kind::kCallback: return "callback";
    case Kind::kPin: return "pin";
    case Kind::kStore: return "store";
    case Kind::kCursor: return "cursor";
    case Kind::kSubscription: return "subscription";
    case Kind::kQueue: return "queue";
    case Kind::kStrand: return "strand";
    case Kind::kBatch: return "batch";
  }
  return "nothing";
}

// "0x0300000100000005"
std::string HandleText(Handle handle);

// What a holder may do with its handle to a callback (R16); the C ABI's BELAY_RIGHT_... bits.
enum Rights : std::uint32_t {
  kRightInvoke = 1,
  kRightRetain = 2,
  kRightUnregister = 4,
  kRightBind = 8,
  kRightExport = 16,
  kRightsAll = 31,
};

}  // namespace belay::registry
