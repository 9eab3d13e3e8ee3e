#include "broker/daemon/http2_guard.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "broker/base/clock.h"
#include "broker/daemon/testing/http2_bytes.h"

namespace belay::daemon {
namespace {

using testing::Http2Bytes;

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::size_t kHeader = FrameScanner::kHeaderBytes;
constexpr std::uint8_t kEndHeaders = kFlagEndHeaders;

// Small, so that every sequence below can be cut at every byte.
GuardLimits Small() {
  GuardLimits limits;
  limits.max_header_block_bytes = 100;
  limits.max_resets_per_second = 3;
  limits.max_settings_per_second = 2;
  limits.max_pings_per_second = 3;
  limits.max_idle_frames_per_second = 3;
  limits.max_streams_before_ack = 3;
  limits.max_control_frame_bytes = 60;
  return limits;
}

struct Sequence {
  std::string name;
  Http2Bytes client;
  GuardRule verdict;
};

// Each rule just kept and just broken.
std::vector<Sequence> Sequences() {
  using enum FrameType;
  const auto open = [] { return Http2Bytes::Opening(); };
  const auto streams = [&](std::uint32_t count) {
    Http2Bytes bytes = open();
    for (std::uint32_t i = 0; i < count; ++i) bytes.Frame(kHeaders, 1, kEndHeaders, 2 * i + 1);
    return bytes;
  };
  const auto block = [&](std::size_t pieces, std::size_t last_bytes) {
    Http2Bytes bytes = open().Frame(kHeaders, 41 - kHeader, 0, 1);
    return bytes.Times(pieces, kContinuation, 0, 0, 1)
        .Frame(kContinuation, last_bytes, kEndHeaders, 1);
  };
  constexpr auto kNamelessType = static_cast<FrameType>(200);
  return {
      {"nothing", Http2Bytes(), GuardRule::kNone},
      {"opening", open(), GuardRule::kNone},
      {"an older protocol", Http2Bytes().Raw("GET / HTTP/1.1\r\n"), GuardRule::kPreface},
      {"one bit off at the end of the preface",
       Http2Bytes().Raw(testing::kPreface.substr(0, 23)).Raw("\v"), GuardRule::kPreface},
      {"first a ping", Http2Bytes().Raw(testing::kPreface).Frame(kPing, 8), GuardRule::kFirstFrame},
      {"first an acknowledgement",
       Http2Bytes().Raw(testing::kPreface).Frame(kSettings, 0, kFlagAck), GuardRule::kFirstFrame},
      {"a call", open().Frame(kHeaders, 50, kEndHeaders, 1).Frame(kData, 300, kFlagEndStream, 1),
       GuardRule::kNone},
      {"a header block of the greatest size", block(4, 14), GuardRule::kNone},
      {"a header block of a byte more", block(4, 15), GuardRule::kHeaderBlockBytes},
      {"a header block of empty pieces",
       open().Frame(kHeaders, 0, 0, 1).Times(11, kContinuation, 0, 0, 1),
       GuardRule::kHeaderBlockBytes},
      {"a header block in one piece", open().Frame(kHeaders, 92, kEndHeaders, 1),
       GuardRule::kHeaderBlockBytes},
      {"data within a header block", open().Frame(kHeaders, 1, 0, 1).Frame(kData, 0, 1, 1),
       GuardRule::kHeaderBlockOrder},
      {"another stream within a header block",
       open().Frame(kHeaders, 1, 0, 1).Frame(kContinuation, 1, kEndHeaders, 3),
       GuardRule::kHeaderBlockOrder},
      {"a continuation of nothing", open().Frame(kContinuation, 1, kEndHeaders, 1),
       GuardRule::kHeaderBlockOrder},
      {"a continuation of what has ended",
       open().Frame(kHeaders, 1, kEndHeaders, 1).Frame(kContinuation, 1, kEndHeaders, 1),
       GuardRule::kHeaderBlockOrder},
      {"streams before the acknowledgement", streams(3), GuardRule::kNone},
      {"one more", streams(4), GuardRule::kSettingsAck},
      {"trailers begin no stream", streams(3).Times(9, kHeaders, 1, kEndHeaders, 5),
       GuardRule::kNone},
      {"resets", open().Times(3, kRstStream, 4, 0, 1), GuardRule::kNone},
      {"too many resets", open().Times(4, kRstStream, 4, 0, 1), GuardRule::kResetRate},
      {"settings", open().Times(1, kSettings, 6), GuardRule::kNone},
      {"too many settings", open().Times(2, kSettings, 6), GuardRule::kSettingsRate},
      {"pings", open().Times(2, kPing, 8).Frame(kPing, 8, kFlagAck), GuardRule::kNone},
      {"too many pings", open().Times(2, kPing, 8).Times(2, kPing, 8, kFlagAck),
       GuardRule::kPingRate},
      {"empty data", open().Times(3, kData, 0, 0, 1).Frame(kData, 0, kFlagEndStream, 1),
       GuardRule::kNone},
      {"too much empty data", open().Times(4, kData, 0, 0, 1), GuardRule::kIdleFrameRate},
      {"padded data", open().Frame(kData, 9, 0x8, 1), GuardRule::kPaddedData},
      {"too many priorities", open().Times(4, kPriority, 5, 0, 1), GuardRule::kIdleFrameRate},
      {"too many frames of no known type", open().Times(4, kNamelessType, 3),
       GuardRule::kIdleFrameRate},
      {"too many acknowledgements", open().Times(4, kSettings, 0, kFlagAck),
       GuardRule::kIdleFrameRate},
      {"updates of windows", open().Times(99, kWindowUpdate, 4), GuardRule::kNone},
      {"lengths: reset", open().Frame(kRstStream, 5, 0, 1), GuardRule::kFrameLength},
      {"lengths: ping", open().Frame(kPing, 7), GuardRule::kFrameLength},
      {"lengths: window", open().Frame(kWindowUpdate, 3), GuardRule::kFrameLength},
      {"lengths: priority", open().Frame(kPriority, 4, 0, 1), GuardRule::kFrameLength},
      {"lengths: a setting and a half", open().Frame(kSettings, 9), GuardRule::kFrameLength},
      {"lengths: settings without end", open().Frame(kSettings, 66), GuardRule::kFrameLength},
      {"lengths: an acknowledgement with something in it", open().Frame(kSettings, 6, kFlagAck),
       GuardRule::kFrameLength},
      {"lengths: an unknown type", open().Frame(kNamelessType, 61), GuardRule::kFrameLength},
  };
}

TEST(Http2Guard, VerdictOfEachRule) {
  for (const Sequence& sequence : Sequences()) {
    Http2Guard guard(Small());
    EXPECT_EQ(RuleName(guard.OnFromClient(sequence.client.bytes(), 0)), RuleName(sequence.verdict))
        << sequence.name;
  }
}

TEST(Http2Guard, VerdictIsTheSameHoweverTheBytesAreCut) {
  for (const Sequence& sequence : Sequences()) {
    const std::span<const std::uint8_t> bytes = sequence.client.bytes();
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      Http2Guard guard(Small());
      (void)guard.OnFromClient(bytes.first(cut), 0);
      EXPECT_EQ(guard.OnFromClient(bytes.subspan(cut), 0), sequence.verdict)
          << sequence.name << ", cut at " << cut;
    }
    Http2Guard guard(Small());
    for (std::size_t i = 0; i < bytes.size(); ++i) (void)guard.OnFromClient(bytes.subspan(i, 1), 0);
    EXPECT_EQ(guard.OnFromClient({}, 0), sequence.verdict) << sequence.name << ", byte by byte";
  }
}

TEST(Http2Guard, OpensWithTheHeaderOfTheFirstSettings) {
  const std::vector<std::uint8_t> bytes = Http2Bytes::Opening().bytes();
  Http2Guard guard(Small());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_FALSE(guard.is_open()) << i;
    EXPECT_EQ(guard.OnFromClient(std::span(bytes).subspan(i, 1), 0), GuardRule::kNone);
  }
  EXPECT_TRUE(guard.is_open());
}

TEST(Http2Guard, RatesAreOfASecond) {
  base::VirtualClock clock;
  const auto resets = [](std::size_t count) {
    return Http2Bytes().Times(count, FrameType::kRstStream, 4, 0, 1);
  };
  Http2Guard guard(Small());
  (void)guard.OnFromClient(Http2Bytes::Opening().bytes(), clock.MonotonicNs());
  for (int second = 0; second < 5; ++second) {
    EXPECT_EQ(guard.OnFromClient(resets(3).bytes(), clock.MonotonicNs()), GuardRule::kNone);
    clock.AdvanceNs(kSecondNs);
  }
  EXPECT_EQ(guard.OnFromClient(resets(3).bytes(), clock.MonotonicNs()), GuardRule::kNone);
  clock.AdvanceNs(kSecondNs - 1);
  EXPECT_EQ(guard.OnFromClient(resets(1).bytes(), clock.MonotonicNs()), GuardRule::kResetRate);
}

TEST(Http2Guard, ResetsThatTheServerIsMadeToSendCountToo) {
  Http2Guard guard(Small());
  (void)guard.OnFromClient(Http2Bytes::Opening().bytes(), 0);
  const Http2Bytes from_client = Http2Bytes().Times(2, FrameType::kRstStream, 4, 0, 1);
  const Http2Bytes from_server =
      Http2Bytes().Frame(FrameType::kData, 9).Times(1, FrameType::kRstStream, 4, 0, 3);
  EXPECT_EQ(guard.OnFromClient(from_client.bytes(), 0), GuardRule::kNone);
  EXPECT_EQ(guard.OnFromServer(from_server.bytes(), 0), GuardRule::kNone);
  EXPECT_EQ(guard.OnFromServer(from_server.bytes(), 0), GuardRule::kResetRate);
}

TEST(Http2Guard, AnAcknowledgementCountsOnceThereIsSomethingToAcknowledge) {
  const auto verdict = [](const std::function<void(Http2Guard&)>& before) {
    Http2Guard guard(Small());
    (void)guard.OnFromClient(Http2Bytes::Opening().bytes(), 0);
    before(guard);
    Http2Bytes streams;
    for (std::uint32_t i = 0; i < 4; ++i)
      streams.Frame(FrameType::kHeaders, 1, kEndHeaders, 2 * i + 1);
    return guard.OnFromClient(streams.bytes(), 0);
  };
  const Http2Bytes settings = Http2Bytes().Frame(FrameType::kSettings, 6);
  const Http2Bytes ack = Http2Bytes().Frame(FrameType::kSettings, 0, kFlagAck);
  EXPECT_EQ(verdict([&](Http2Guard& guard) { (void)guard.OnFromClient(ack.bytes(), 0); }),
            GuardRule::kSettingsAck);
  EXPECT_EQ(verdict([&](Http2Guard& guard) {
              (void)guard.OnFromServer(settings.bytes(), 0);
              (void)guard.OnFromClient(ack.bytes(), 0);
            }),
            GuardRule::kNone);
}

TEST(Http2Guard, UnfinishedMessagesAreThoseOfOpenStreams) {
  const std::string claims_a_kilobyte("\0\0\0\x4\0", 5);
  const auto data = [](std::uint32_t stream, const std::string& bytes, std::uint8_t flags = 0) {
    return Http2Bytes().Header(FrameType::kData, bytes.size(), flags, stream).Raw(bytes);
  };
  for (const std::size_t piece_bytes : {std::size_t{1}, std::size_t{7}, std::size_t{4'096}}) {
    Http2Guard guard(Small());
    const auto send = [&](const Http2Bytes& client) {
      std::span<const std::uint8_t> bytes = client.bytes();
      while (!bytes.empty()) {
        const std::size_t count = std::min(piece_bytes, bytes.size());
        EXPECT_EQ(guard.OnFromClient(bytes.first(count), 0), GuardRule::kNone);
        bytes = bytes.subspan(count);
      }
      return guard.unfinished_bytes();
    };
    send(Http2Bytes::Opening());
    send(Http2Bytes().Frame(FrameType::kHeaders, 1, kEndHeaders, 1));
    send(Http2Bytes().Frame(FrameType::kHeaders, 1, kEndHeaders, 3));
    EXPECT_EQ(send(data(1, claims_a_kilobyte + std::string(100, 'x'))), 100U);
    EXPECT_EQ(send(data(3, claims_a_kilobyte.substr(0, 2))), 100U);
    EXPECT_EQ(send(data(3, claims_a_kilobyte.substr(2) + std::string(24, 'x'))), 124U);
    EXPECT_EQ(send(data(1, std::string(924, 'x') + claims_a_kilobyte + "y")), 25U)
        << "one is whole";
    EXPECT_EQ(send(data(1, "y", kFlagEndStream)), 24U) << "the client has ended the stream";
    EXPECT_EQ(send(data(5, claims_a_kilobyte + "never begun")), 24U);
    EXPECT_EQ(guard.OnFromServer(
                  Http2Bytes().Frame(FrameType::kHeaders, 1, kFlagEndStream, 3).bytes(), 0),
              GuardRule::kNone);
    EXPECT_EQ(guard.unfinished_bytes(), 0U) << "the server has ended the stream";
    EXPECT_EQ(send(data(3, std::string(50, 'x'))), 0U) << "what was under way is nobody's";
  }
}

TEST(MessageMeter, RemembersSoManyStreamsThatOnlyTheServerHasEnded) {
  MessageMeter meter;
  const std::vector<std::uint8_t> claim = {0, 0, 0, 1, 0, 'x'};
  const auto streams = static_cast<std::uint32_t>(2 * MessageMeter::kMaxEndedByServer);
  for (std::uint32_t stream = 1; stream <= streams; ++stream) {
    meter.Begin(stream);
    meter.Add(stream, claim);
    EXPECT_EQ(meter.unfinished_bytes(), 1U);
    meter.EndByServer(stream);
    EXPECT_EQ(meter.unfinished_bytes(), 0U);
  }
  EXPECT_EQ(meter.stream_count(), MessageMeter::kMaxEndedByServer);
  for (std::uint32_t stream = 1; stream <= streams; ++stream) {
    meter.Add(stream, claim);
    meter.EndByClient(stream);
  }
  EXPECT_EQ(meter.unfinished_bytes(), 0U);
  EXPECT_EQ(meter.stream_count(), 0U);
}

TEST(Http2Guard, ABrokenRuleStaysBroken) {
  Http2Guard guard(Small());
  EXPECT_EQ(guard.OnFromClient(Http2Bytes().Raw("GET /").bytes(), 0), GuardRule::kPreface);
  EXPECT_EQ(guard.OnFromClient(Http2Bytes::Opening().bytes(), kSecondNs), GuardRule::kPreface);
  EXPECT_EQ(guard.OnFromServer({}, kSecondNs), GuardRule::kPreface);
}

TEST(Http2Guard, TextsNameTheBound) {
  const GuardLimits limits = Small();
  EXPECT_EQ(Describe(GuardRule::kResetRate, limits),
            "more than 3 streams were reset within a second");
  EXPECT_NE(Describe(GuardRule::kHeaderBlockBytes, limits).find("100"), std::string::npos);
}

}  // namespace
}  // namespace belay::daemon
