// Http2Guard: what a client of one HTTP/2 connection may do to the library behind it.
//
// gRPC 1.51 buffers whatever a peer of bad will sends: header blocks without end, streams that are reset
// as soon as they are begun, replies to floods of settings and pings. The guard stands before it, sees
// the bytes of both directions, and says which rule was broken; whoever moves the bytes then closes the
// connection without passing them on. The rules are bounds far above what clients do, not a second
// implementation of the protocol.
//
// Invariants
//   - The verdict depends on the bytes and the times, not on how the bytes are cut.
//   - Once a rule is broken, that is the verdict for ever.
//   - A header block is never passed on past its bound, and nothing comes between its frames: what the
//     library gathers for one connection has a limit.
//   - It keeps a few numbers, and no bytes of what it sees: some for the connection, some for each stream
//     that the client has not ended.
//
// Thread safety: none; one thread at a time. The time is the caller's, so that tests have their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "broker/daemon/http2_frames.h"
#include "broker/daemon/message_meter.h"

namespace belay::daemon {

struct GuardLimits {
  // HEADERS and its CONTINUATIONs, compressed. A bearer token and a trace context take under 2 KiB.
  std::uint32_t max_header_block_bytes = 16U << 10U;
  // Of streams, by either side: a client can also make the server do it. A session is one stream.
  std::uint32_t max_resets_per_second = 200;
  // New settings; acknowledgements are not counted.
  std::uint32_t max_settings_per_second = 10;
  // And answers to pings. Clients that measure the link send a few a second.
  std::uint32_t max_pings_per_second = 100;
  // Frames that carry nothing: PRIORITY, empty DATA, GOAWAY, acknowledgements of settings, unknown types.
  std::uint32_t max_idle_frames_per_second = 1'000;
  // Begun before the client has acknowledged the server's settings, which bound them from then on.
  std::uint32_t max_streams_before_ack = 128;
  // Payload of a frame that is neither DATA nor part of a header block.
  std::uint32_t max_control_frame_bytes = 1'024;
};

enum class GuardRule : std::uint8_t {
  kNone,  // nothing is broken
  kPreface,
  kFirstFrame,
  kFrameLength,
  kHeaderBlockBytes,
  kHeaderBlockOrder,
  kResetRate,
  kSettingsRate,
  kPingRate,
  kIdleFrameRate,
  kSettingsAck,
  kPaddedData,
};

// "RESET_RATE": in logs, documents and tests.
std::string_view RuleName(GuardRule rule);
// What the client did, with the bound: "more than 200 streams were reset within a second".
std::string Describe(GuardRule rule, const GuardLimits& limits);

class Http2Guard {
 public:
  explicit Http2Guard(const GuardLimits& limits) : limits_(limits) {}

  // Looks at the next bytes of a direction. Unless the verdict is kNone, none of them may be passed on.
  // `now_ns` never goes back.
  GuardRule OnFromClient(std::span<const std::uint8_t> bytes, std::int64_t now_ns);
  GuardRule OnFromServer(std::span<const std::uint8_t> bytes, std::int64_t now_ns);

  // The client has proved that it speaks HTTP/2: the preface and the header of its first SETTINGS came.
  bool is_open() const { return is_open_; }
  // What gRPC keeps of messages that are not complete; whoever sees all connections bounds their sum.
  std::size_t unfinished_bytes() const { return messages_.unfinished_bytes(); }

 private:
  // How often something happens, in windows of a second that begin with what first happens in them.
  struct Rate {
    bool Exceeds(std::uint32_t limit, std::int64_t now_ns);
    std::int64_t window_start_ns = 0;
    std::uint32_t count = 0;
  };

  bool MatchPreface(std::span<const std::uint8_t>& bytes);
  void TakePayload(std::span<const std::uint8_t>& bytes);
  GuardRule Judge(const FrameHeader& frame, std::int64_t now_ns);
  GuardRule JudgeHeaderBlock(const FrameHeader& frame);
  GuardRule JudgeLength(const FrameHeader& frame) const;
  GuardRule JudgeRate(const FrameHeader& frame, std::int64_t now_ns);

  const GuardLimits limits_;
  GuardRule verdict_ = GuardRule::kNone;
  std::size_t preface_bytes_ = 0;  // that have come
  bool is_open_ = false;
  FrameScanner from_client_;
  FrameScanner from_server_;
  FrameHeader frame_;  // of the client, whose payload is coming
  MessageMeter messages_;
  bool is_in_header_block_ = false;
  std::uint32_t header_block_stream_ = 0;
  std::uint64_t header_block_bytes_ = 0;
  std::uint32_t last_stream_ = 0;
  std::uint32_t streams_before_ack_ = 0;
  bool has_server_settings_ = false;  // an acknowledgement before them acknowledges nothing
  bool has_acknowledged_ = false;
  Rate resets_;
  Rate settings_;
  Rate pings_;
  Rate idle_frames_;
};

}  // namespace belay::daemon
