// FrameScanner: where the frames of one direction of an HTTP/2 connection begin, however its bytes are
// cut (RFC 9113, section 4.1).
//
// It reads frame headers, nine bytes each, and keeps nothing of payloads.
//
// Thread safety: none; one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace belay::daemon {

enum class FrameType : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};

inline constexpr std::uint8_t kFlagAck = 0x1;         // of SETTINGS and PING
inline constexpr std::uint8_t kFlagEndStream = 0x1;   // of DATA and HEADERS
inline constexpr std::uint8_t kFlagEndHeaders = 0x4;  // of HEADERS and CONTINUATION

struct FrameHeader {
  bool Has(std::uint8_t flag) const { return (flags & flag) != 0; }

  std::uint32_t payload_bytes = 0;
  FrameType type{};  // may be a value without a name
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
};

class FrameScanner {
 public:
  static constexpr std::size_t kHeaderBytes = 9;

  // Takes from `bytes` what belongs to the payload of the frame that Next() gave last.
  std::span<const std::uint8_t> TakePayload(std::span<const std::uint8_t>& bytes);
  // All of that payload has come.
  bool is_frame_complete() const { return payload_to_come_ == 0 && header_bytes_ == 0; }
  // The next frame whose header is complete, or none once `bytes`, which it consumes, are used up. Skips
  // payload that was not taken.
  std::optional<FrameHeader> Next(std::span<const std::uint8_t>& bytes);

 private:
  std::array<std::uint8_t, kHeaderBytes> header_{};
  std::size_t header_bytes_ = 0;     // of header_ that have come
  std::size_t payload_to_come_ = 0;  // of the frame returned last
};

}  // namespace belay::daemon
