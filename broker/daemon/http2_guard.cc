#include "broker/daemon/http2_guard.h"

#include <algorithm>

namespace belay::daemon {

namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::int64_t kSecondNs = 1'000'000'000;

bool EndsStream(const FrameHeader& frame) {
  switch (frame.type) {
    case FrameType::kRstStream: return true;
    case FrameType::kData:
    case FrameType::kHeaders: return frame.Has(kFlagEndStream);
    default: return false;
  }
}

}  // namespace

std::string_view RuleName(GuardRule rule) {
  switch (rule) {
    case GuardRule::kNone: return "NONE";
    case GuardRule::kPreface: return "PREFACE";
    case GuardRule::kFirstFrame: return "FIRST_FRAME";
    case GuardRule::kFrameLength: return "FRAME_LENGTH";
    case GuardRule::kHeaderBlockBytes: return "HEADER_BLOCK_BYTES";
    case GuardRule::kHeaderBlockOrder: return "HEADER_BLOCK_ORDER";
    case GuardRule::kResetRate: return "RESET_RATE";
    case GuardRule::kSettingsRate: return "SETTINGS_RATE";
    case GuardRule::kPingRate: return "PING_RATE";
    case GuardRule::kIdleFrameRate: return "IDLE_FRAME_RATE";
    case GuardRule::kSettingsAck: return "SETTINGS_ACK";
    case GuardRule::kPaddedData: return "PADDED_DATA";
  }
  return "UNKNOWN";
}

std::string Describe(GuardRule rule, const GuardLimits& limits) {
  const auto more_than = [](std::uint32_t limit, std::string_view what) {
    return "more than " + std::to_string(limit) + " " + std::string(what);
  };
  switch (rule) {
    case GuardRule::kNone: return "nothing";
    case GuardRule::kPreface: return "the first bytes are not those of HTTP/2";
    case GuardRule::kFirstFrame: return "the first frame is not SETTINGS";
    case GuardRule::kFrameLength: return "a frame's length does not fit its type";
    case GuardRule::kHeaderBlockBytes:
      return more_than(limits.max_header_block_bytes, "bytes of headers for one stream");
    case GuardRule::kHeaderBlockOrder: return "a header block was interrupted, or never begun";
    case GuardRule::kResetRate:
      return more_than(limits.max_resets_per_second, "streams were reset within a second");
    case GuardRule::kSettingsRate:
      return more_than(limits.max_settings_per_second, "SETTINGS frames within a second");
    case GuardRule::kPingRate:
      return more_than(limits.max_pings_per_second, "PING frames within a second");
    case GuardRule::kIdleFrameRate:
      return more_than(limits.max_idle_frames_per_second,
                       "frames that carry nothing within a second");
    case GuardRule::kSettingsAck:
      return more_than(limits.max_streams_before_ack,
                       "streams before the server's settings were acknowledged");
    case GuardRule::kPaddedData: return "a DATA frame is padded, which gRPC does not take";
  }
  return "unknown";
}

bool Http2Guard::Rate::Exceeds(std::uint32_t limit, std::int64_t now_ns) {
  if (count == 0 || now_ns - window_start_ns >= kSecondNs) {
    window_start_ns = now_ns;
    count = 0;
  }
  return ++count > limit;
}

GuardRule Http2Guard::OnFromClient(std::span<const std::uint8_t> bytes, std::int64_t now_ns) {
  if (verdict_ == GuardRule::kNone && !MatchPreface(bytes)) verdict_ = GuardRule::kPreface;
  while (verdict_ == GuardRule::kNone) {
    TakePayload(bytes);
    const auto frame = from_client_.Next(bytes);
    if (!frame) break;
    frame_ = *frame;
    verdict_ = Judge(frame_, now_ns);
  }
  return verdict_;
}

GuardRule Http2Guard::OnFromServer(std::span<const std::uint8_t> bytes, std::int64_t now_ns) {
  while (verdict_ == GuardRule::kNone) {
    const auto frame = from_server_.Next(bytes);
    if (!frame) break;
    if (frame->type == FrameType::kSettings && !frame->Has(kFlagAck)) has_server_settings_ = true;
    if (EndsStream(*frame)) messages_.EndByServer(frame->stream);
    if (frame->type == FrameType::kRstStream &&
        resets_.Exceeds(limits_.max_resets_per_second, now_ns)) {
      verdict_ = GuardRule::kResetRate;
    }
  }
  return verdict_;
}

bool Http2Guard::MatchPreface(std::span<const std::uint8_t>& bytes) {
  const std::size_t count = std::min(kPreface.size() - preface_bytes_, bytes.size());
  const std::string_view expected = kPreface.substr(preface_bytes_, count);
  if (!std::equal(expected.begin(), expected.end(), bytes.begin(),
                  [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; })) {
    return false;
  }
  preface_bytes_ += count;
  bytes = bytes.subspan(count);
  return true;
}

void Http2Guard::TakePayload(std::span<const std::uint8_t>& bytes) {
  const auto payload = from_client_.TakePayload(bytes);
  if (frame_.type == FrameType::kData) messages_.Add(frame_.stream, payload);
  if (from_client_.is_frame_complete() && EndsStream(frame_)) messages_.EndByClient(frame_.stream);
}

GuardRule Http2Guard::Judge(const FrameHeader& frame, std::int64_t now_ns) {
  if (!is_open_) {
    if (frame.type != FrameType::kSettings || frame.Has(kFlagAck)) return GuardRule::kFirstFrame;
    is_open_ = true;
  }
  const bool is_of_header_block =
      frame.type == FrameType::kHeaders || frame.type == FrameType::kContinuation;
  if (is_in_header_block_ || is_of_header_block) return JudgeHeaderBlock(frame);
  if (const GuardRule rule = JudgeLength(frame); rule != GuardRule::kNone) return rule;
  return JudgeRate(frame, now_ns);
}

GuardRule Http2Guard::JudgeHeaderBlock(const FrameHeader& frame) {
  if (is_in_header_block_) {
    if (frame.type != FrameType::kContinuation || frame.stream != header_block_stream_)
      return GuardRule::kHeaderBlockOrder;
  } else {
    if (frame.type != FrameType::kHeaders) return GuardRule::kHeaderBlockOrder;
    header_block_stream_ = frame.stream;
    header_block_bytes_ = 0;
    if (frame.stream > last_stream_) {
      last_stream_ = frame.stream;
      messages_.Begin(frame.stream);
      if (!has_acknowledged_ && ++streams_before_ack_ > limits_.max_streams_before_ack)
        return GuardRule::kSettingsAck;
    }
  }
  // A frame's own header counts, too: a block in many empty pieces is no smaller for the library.
  header_block_bytes_ += FrameScanner::kHeaderBytes + frame.payload_bytes;
  if (header_block_bytes_ > limits_.max_header_block_bytes) return GuardRule::kHeaderBlockBytes;
  is_in_header_block_ = !frame.Has(kFlagEndHeaders);
  return GuardRule::kNone;
}

GuardRule Http2Guard::JudgeLength(const FrameHeader& frame) const {
  const auto check = [](bool fits) { return fits ? GuardRule::kNone : GuardRule::kFrameLength; };
  switch (frame.type) {
    case FrameType::kData:
      // Of any length that flow control allows, which gRPC enforces. It takes no padding, and the meter
      // takes none for messages.
      return (frame.flags & ~kFlagEndStream) == 0 ? GuardRule::kNone : GuardRule::kPaddedData;
    case FrameType::kPriority: return check(frame.payload_bytes == 5);
    case FrameType::kRstStream: return check(frame.payload_bytes == 4);
    case FrameType::kWindowUpdate: return check(frame.payload_bytes == 4);
    case FrameType::kPing: return check(frame.payload_bytes == 8);
    case FrameType::kSettings:
      if (frame.Has(kFlagAck)) return check(frame.payload_bytes == 0);
      return check(frame.payload_bytes % 6 == 0 &&
                   frame.payload_bytes <= limits_.max_control_frame_bytes);
    default: return check(frame.payload_bytes <= limits_.max_control_frame_bytes);
  }
}

GuardRule Http2Guard::JudgeRate(const FrameHeader& frame, std::int64_t now_ns) {
  const auto count = [now_ns](Rate& rate, std::uint32_t limit, GuardRule rule) {
    return rate.Exceeds(limit, now_ns) ? rule : GuardRule::kNone;
  };
  const auto count_idle = [&] {
    return count(idle_frames_, limits_.max_idle_frames_per_second, GuardRule::kIdleFrameRate);
  };
  switch (frame.type) {
    case FrameType::kRstStream:
      return count(resets_, limits_.max_resets_per_second, GuardRule::kResetRate);
    case FrameType::kPing: return count(pings_, limits_.max_pings_per_second, GuardRule::kPingRate);
    case FrameType::kSettings:
      if (!frame.Has(kFlagAck))
        return count(settings_, limits_.max_settings_per_second, GuardRule::kSettingsRate);
      has_acknowledged_ = has_server_settings_;
      return count_idle();
    case FrameType::kWindowUpdate: return GuardRule::kNone;  // one for each message is usual
    case FrameType::kData:
      // An empty one that ends its stream is how a client says that it has no more.
      if (frame.payload_bytes != 0 || frame.Has(kFlagEndStream)) return GuardRule::kNone;
      return count_idle();
    default: return count_idle();
  }
}

}  // namespace belay::daemon
