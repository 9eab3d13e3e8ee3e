// Http2Bytes: what a client of HTTP/2 sends, put together by hand, so that it can also be wrong.
//
// Thread safety: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "broker/daemon/http2_frames.h"

namespace belay::daemon::testing {

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

class Http2Bytes {
 public:
  // The preface and empty SETTINGS.
  static Http2Bytes Opening() { return Http2Bytes().Raw(kPreface).Frame(FrameType::kSettings, 0); }

  Http2Bytes& Raw(std::string_view text) {
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    return *this;
  }
  // A frame's header; its payload is to follow.
  Http2Bytes& Header(FrameType type, std::size_t payload_bytes, std::uint8_t flags = 0,
                     std::uint32_t stream = 0) {
    for (const auto value : {payload_bytes >> 16U, payload_bytes >> 8U, payload_bytes})
      bytes_.push_back(static_cast<std::uint8_t>(value));
    bytes_.push_back(static_cast<std::uint8_t>(type));
    bytes_.push_back(flags);
    for (const auto value : {stream >> 24U, stream >> 16U, stream >> 8U, stream})
      bytes_.push_back(static_cast<std::uint8_t>(value));
    return *this;
  }
  // A frame with a payload of zeros.
  Http2Bytes& Frame(FrameType type, std::size_t payload_bytes, std::uint8_t flags = 0,
                    std::uint32_t stream = 0) {
    Header(type, payload_bytes, flags, stream);
    bytes_.resize(bytes_.size() + payload_bytes);
    return *this;
  }
  Http2Bytes& Times(std::size_t count, FrameType type, std::size_t payload_bytes,
                    std::uint8_t flags = 0, std::uint32_t stream = 0) {
    for (std::size_t i = 0; i < count; ++i) Frame(type, payload_bytes, flags, stream);
    return *this;
  }

  const std::vector<std::uint8_t>& bytes() const { return bytes_; }

 private:
  std::vector<std::uint8_t> bytes_;
};

}  // namespace belay::daemon::testing
