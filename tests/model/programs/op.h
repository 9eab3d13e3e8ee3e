// Programs: lists of small operations on the C ABI, and how they are written down and made up.
//
// An operation is a code and three small numbers. A number that names a handle, a ticket or the like counts
// back from the latest one that was made, modulo how many there are. So every list of operations is a
// program, and so is every part of one: to shrink is to delete. That, and a microsecond an operation, is
// why this is not rapidcheck, whose values shrink by their own rules and cost a hundred times as much.
//
// Invariants
//   - Generate() gives the same program for the same seed and length, for ever.
//   - What ToSource() prints, compiled in a table (corpus.cc), is the same program.
//
// Thread safety: these are values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace belay::programs {

// What each does with its operands a, b and c stands at Runner's function of the same name.
enum class Do : std::uint8_t {
  kOpenOwner,
  kCloseOwner,
  kDetachOwner,
  kRegister,
  kRetain,
  kRelease,
  kTransfer,
  kUnregister,
  kInvoke,
  kSubmit,
  kPost,
  kBroadcast,
  kCancel,
  kSuspend,
  kResume,
  kQuarantine,
  kRestore,
  kDrain,
  kDrainNotify,
  kPin,
  kCallPinned,
  kUnpin,
  kOpenQueue,
  kPoll,
  kFinish,
  kRunQueue,
  kOpenStrand,
  kBind,
  kUnbind,
  kResolve,
  kDescribe,
  kCloseBroker,
};
inline constexpr std::size_t kOpCount = static_cast<std::size_t>(Do::kCloseBroker) + 1;

struct Op {
  Do what{};
  std::uint8_t a = 0;
  std::uint8_t b = 0;
  std::uint8_t c = 0;

  friend bool operator==(const Op&, const Op&) = default;
};

using Program = std::vector<Op>;

// "Register"
std::string_view NameOf(Do what);
// "{{Do::kRegister, 1, 0, 7}, ...}", one operation a line.
std::string ToSource(const Program& program);

Program Generate(std::uint64_t seed, std::size_t length);

}  // namespace belay::programs
