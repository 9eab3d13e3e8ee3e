#include "broker/daemon/http2_frames.h"

#include <algorithm>

namespace belay::daemon {

std::span<const std::uint8_t> FrameScanner::TakePayload(std::span<const std::uint8_t>& bytes) {
  const auto payload = bytes.first(std::min(payload_to_come_, bytes.size()));
  payload_to_come_ -= payload.size();
  bytes = bytes.subspan(payload.size());
  return payload;
}

std::optional<FrameHeader> FrameScanner::Next(std::span<const std::uint8_t>& bytes) {
  (void)TakePayload(bytes);
  const std::size_t taken = std::min(kHeaderBytes - header_bytes_, bytes.size());
  std::copy_n(bytes.begin(), taken, header_.begin() + static_cast<std::ptrdiff_t>(header_bytes_));
  header_bytes_ += taken;
  bytes = bytes.subspan(taken);
  if (header_bytes_ < kHeaderBytes) return std::nullopt;

  header_bytes_ = 0;
  FrameHeader frame;
  frame.payload_bytes = std::uint32_t{header_[0]} << 16U | std::uint32_t{header_[1]} << 8U |
                        std::uint32_t{header_[2]};
  frame.type = static_cast<FrameType>(header_[3]);
  frame.flags = header_[4];
  // The first bit is reserved, and to be ignored.
  frame.stream = (std::uint32_t{header_[5]} & 0x7fU) << 24U | std::uint32_t{header_[6]} << 16U |
                 std::uint32_t{header_[7]} << 8U | std::uint32_t{header_[8]};
  payload_to_come_ = frame.payload_bytes;
  return frame;
}

}  // namespace belay::daemon
