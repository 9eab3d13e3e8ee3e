#include "broker/daemon/status_wire.h"

#include <gtest/gtest.h>

#include <string>

#include "belay/v1/status.pb.h"

namespace belay::daemon {
namespace {

using base::Code;
using base::Status;

v1::Status Wire(int code, const std::string& reason, const std::string& message) {
  v1::Status wire;
  wire.set_code(code);
  wire.set_reason(reason);
  wire.set_message(message);
  return wire;
}

TEST(StatusWire, HostsStatusesBecomeCallbackFailed) {
  EXPECT_TRUE(FromHost(Wire(0, "X", "y")).ok());
  const Status status = FromHost(Wire(5, "NO_SUCH_THING", "not here"));
  EXPECT_EQ(status.code(), Code::kCallbackFailed);
  EXPECT_EQ(status.reason(), "NO_SUCH_THING");
  EXPECT_EQ(status.message(), "not here");
}

TEST(StatusWire, AReasonThatIsNoneIsTheCodesName) {
  EXPECT_EQ(FromHost(Wire(5, "", "")).reason(), "NOT_FOUND");
  EXPECT_EQ(FromHost(Wire(5, "not a reason", "")).reason(), "NOT_FOUND");
  EXPECT_EQ(FromHost(Wire(5, std::string(65, 'A'), "")).reason(), "NOT_FOUND");
  EXPECT_EQ(FromHost(Wire(123'456, "", "")).reason(), "UNKNOWN");
}

TEST(StatusWire, TheReasonsKeptAreBounded) {
  for (int i = 0; i < 10'000; ++i) {
    const std::string reason = "REASON_" + std::to_string(i);
    const Status status = FromHost(Wire(5, reason, ""));
    EXPECT_TRUE(status.reason() == reason || (i > 4'000 && status.reason() == "NOT_FOUND")) << i;
  }
  EXPECT_EQ(FromHost(Wire(5, "REASON_9999", "")).reason(), "NOT_FOUND");
  EXPECT_EQ(FromHost(Wire(5, "REASON_1", "")).reason(), "REASON_1");
}

TEST(StatusWire, ToWire) {
  v1::Status wire;
  ToWire(Status(Code::kStale, "gone"), registry::Certainty::kNotSent, &wire);
  EXPECT_EQ(wire.code(), 32);
  EXPECT_EQ(wire.reason(), "STALE");
  EXPECT_EQ(wire.message(), "gone");
  EXPECT_EQ(wire.certainty(), v1::CERTAINTY_NOT_SENT);
}

TEST(StatusWire, PrintableDisarmsAndCuts) {
  EXPECT_EQ(Printable("plain \xc3\xa9"), "plain \xc3\xa9");
  EXPECT_EQ(Printable("a\nb\x1b[2J\x7f"), "a\\x0ab\\x1b[2J\\x7f");
  EXPECT_EQ(Printable(std::string(1'000, 'x')).size(), 258U);
}

}  // namespace
}  // namespace belay::daemon
