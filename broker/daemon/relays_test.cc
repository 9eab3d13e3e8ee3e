#include "broker/daemon/relays.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/clock.h"
#include "broker/daemon/testing/http2_bytes.h"

namespace belay::daemon {
namespace {

using base::UniqueFd;
using testing::Http2Bytes;

// Nothing that passes comes near it.
constexpr timeval kLimit{60, 0};

std::pair<UniqueFd, UniqueFd> Pair() {
  std::array<int, 2> fds{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
  for (const int fd : fds) {
    EXPECT_EQ(::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kLimit, sizeof kLimit), 0);
    EXPECT_EQ(::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kLimit, sizeof kLimit), 0);
  }
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// Things that other threads tell, one after the other.
template <typename T>
class Queue {
 public:
  void Put(T value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    changed_.notify_all();
  }
  T Take() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(kLimit.tv_sec),
                                  [this] { return !values_.empty(); }));
    if (values_.empty()) return T();
    T value = std::move(values_.front());
    values_.pop_front();
    return value;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> values_;
};

void Send(const UniqueFd& fd, const std::vector<std::uint8_t>& bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t some = ::send(fd.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    ASSERT_GT(some, 0);
    sent += static_cast<std::size_t>(some);
  }
}

// Less than `count` if the other side ended before.
std::vector<std::uint8_t> Receive(const UniqueFd& fd, std::size_t count) {
  std::vector<std::uint8_t> bytes(count);
  std::size_t received = 0;
  while (received < count) {
    const ssize_t some = ::recv(fd.get(), bytes.data() + received, count - received, 0);
    if (some <= 0) break;
    received += static_cast<std::size_t>(some);
  }
  bytes.resize(received);
  return bytes;
}

bool IsClosed(const UniqueFd& fd) {
  char byte = 0;
  return ::recv(fd.get(), &byte, 1, 0) == 0;
}

class RelaysTest : public ::testing::Test {
 protected:
  RelayOptions options;
  Queue<UniqueFd> taken;  // what gRPC would get
  Queue<std::string> log;
  base::VirtualClock clock;
  RefusalLog refusals{
      [this](registry::LogLevel, std::string_view text) { log.Put(std::string(text)); }, clock};
  std::unique_ptr<Relays> relays;

  void Open() {
    relays = std::make_unique<Relays>(
        options, [this](UniqueFd fd, const Peer&) { taken.Put(std::move(fd)); }, refusals, clock);
  }
  // The client's end of a connection that the relays have.
  UniqueFd Connect() {
    auto [client, connection] = Pair();
    auto endpoint = MakeSocketEndpoint(connection.get());
    relays->Admit(std::move(connection), std::move(endpoint));
    return std::move(client);
  }
  struct Joined {
    UniqueFd client;
    UniqueFd grpc;
  };
  Joined Join() {
    Joined joined{Connect(), {}};
    const std::vector<std::uint8_t> opening = Http2Bytes::Opening().bytes();
    Send(joined.client, opening);
    joined.grpc = TakeGrpc();
    EXPECT_EQ(Receive(joined.grpc, opening.size()), opening);
    return joined;
  }
  // What gRPC would get next; it blocks, unlike gRPC's.
  UniqueFd TakeGrpc() {
    UniqueFd fd = taken.Take();
    EXPECT_EQ(::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kLimit, sizeof kLimit), 0);
    const int flags = ::fcntl(fd.get(), F_GETFL);
    EXPECT_EQ(::fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK), 0);
    return fd;
  }
};

std::vector<std::uint8_t> Frames(std::size_t count, std::size_t payload_bytes) {
  return Http2Bytes().Times(count, FrameType::kData, payload_bytes, 0, 1).bytes();
}

TEST_F(RelaysTest, BytesPassUnchangedBothWays) {
  Open();
  const Joined joined = Join();
  for (const std::size_t payload_bytes : {1U, 9U, 1'000U, 40'000U}) {
    const auto bytes = Frames(2, payload_bytes);
    Send(joined.client, bytes);
    EXPECT_EQ(Receive(joined.grpc, bytes.size()), bytes);
    Send(joined.grpc, bytes);
    EXPECT_EQ(Receive(joined.client, bytes.size()), bytes);
  }
}

TEST_F(RelaysTest, GrpcSeesNothingOfAClientBeforeItsOpening) {
  Open();
  const UniqueFd slow = Connect();
  const auto opening = Http2Bytes::Opening().bytes();
  for (std::size_t i = 0; i + 1 < opening.size(); ++i) Send(slow, {opening[i]});
  // The first that is handed over is the other one, although it came later.
  const Joined other = Join();
  Send(other.client, Frames(1, 1));
  EXPECT_EQ(Receive(other.grpc, 10), Frames(1, 1));
  Send(slow, {opening.back()});
  EXPECT_EQ(Receive(TakeGrpc(), opening.size()), opening);
}

// W7: one that does not read holds up itself, and costs a buffer's length.
TEST_F(RelaysTest, W7_WhatIsNotReadIsNotTaken) {
  Open();
  const Joined slow = Join();
  const Joined other = Join();
  const auto bytes = Frames(64, 16'000);
  for (const auto& [writer, reader] :
       {std::pair{&slow.client, &slow.grpc}, std::pair{&slow.grpc, &slow.client}}) {
    std::size_t accepted = 0;
    for (;;) {
      const ssize_t some = ::send(writer->get(), bytes.data() + accepted % bytes.size(),
                                  bytes.size() - accepted % bytes.size(), MSG_DONTWAIT);
      if (some <= 0) {
        // Full, unless the relay is only about to read: it has, once another one's bytes came through.
        const std::size_t before = accepted;
        Send(other.client, Frames(1, 1));
        EXPECT_EQ(Receive(other.grpc, 10).size(), 10U);
        const ssize_t more =
            ::send(writer->get(), bytes.data() + accepted % bytes.size(), 1, MSG_DONTWAIT);
        if (more <= 0) break;
        accepted += static_cast<std::size_t>(more);
        ASSERT_LT(before, std::size_t{64} << 20U);
        continue;
      }
      accepted += static_cast<std::size_t>(some);
      ASSERT_LT(accepted, std::size_t{64} << 20U) << "the relay takes whatever comes";
    }
    // Nothing is lost: all that was accepted comes, in order.
    std::size_t received = 0;
    while (received < accepted) {
      const std::size_t at = received % bytes.size();
      const std::size_t count = std::min(accepted - received, bytes.size() - at);
      const auto some = Receive(*reader, count);
      ASSERT_EQ(some.size(), count);
      ASSERT_TRUE(
          std::equal(some.begin(), some.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at)));
      received += count;
    }
  }
}

TEST_F(RelaysTest, ABrokenRuleClosesAndIsNamed) {
  options.guard.max_resets_per_second = 3;
  Open();
  const Joined joined = Join();
  Send(joined.client, Http2Bytes().Times(4, FrameType::kRstStream, 4, 0, 1).bytes());
  EXPECT_TRUE(IsClosed(joined.client));
  EXPECT_TRUE(IsClosed(joined.grpc)) << "what broke the rule was passed on";
  const std::string line = log.Take();
  EXPECT_NE(line.find("RESET_RATE"), std::string::npos) << line;
  EXPECT_NE(line.find("uid=" + std::to_string(::getuid())), std::string::npos) << line;
}

// One claims gigabytes, and goes on sending; the other has a small message under way.
TEST_F(RelaysTest, W7_WhoHasMostUnfinishedIsRefused) {
  options.max_unfinished_bytes = 10'000;
  Open();
  const Joined greedy = Join();
  const Joined modest = Join();
  const auto begin = [](const Joined& joined, std::size_t bytes) {
    Send(joined.client, Http2Bytes()
                            .Frame(FrameType::kHeaders, 1, kFlagEndHeaders, 1)
                            .Header(FrameType::kData, bytes + 5, 0, 1)
                            .Raw(std::string_view("\0\xff\xff\xff\xff", 5))
                            .bytes());
  };
  begin(greedy, 20'000);
  begin(modest, 1'000);
  Send(modest.client, std::vector<std::uint8_t>(1'000));
  EXPECT_EQ(Receive(modest.grpc, 24 + 1'000).size(), 1'024U);
  Send(greedy.client, std::vector<std::uint8_t>(9'000));
  EXPECT_EQ(Receive(greedy.grpc, 24 + 9'000).size(), 9'024U);
  Send(greedy.client, std::vector<std::uint8_t>(1));
  EXPECT_TRUE(IsClosed(greedy.client));
  EXPECT_NE(log.Take().find("UNFINISHED_MESSAGES"), std::string::npos);
  // Its bytes are no longer counted.
  Send(modest.client, Frames(1, 9'000 - 9));
  EXPECT_EQ(Receive(modest.grpc, 9'000).size(), 9'000U);
}

TEST_F(RelaysTest, AClientThatDoesNotBeginIsClosed) {
  options.handshake_timeout_ms = 20;
  Open();
  const UniqueFd silent = Connect();
  const UniqueFd slow = Connect();
  Send(slow, {'P', 'R', 'I'});
  EXPECT_TRUE(IsClosed(silent));
  EXPECT_TRUE(IsClosed(slow));
  EXPECT_NE(log.Take().find("HANDSHAKE_TIMEOUT"), std::string::npos);
}

TEST_F(RelaysTest, ConnectionsAreCountedAndGivenBack) {
  options.max_connections_per_origin = 2;
  Open();
  Joined first = Join();
  const Joined second = Join();
  EXPECT_TRUE(IsClosed(Connect()));
  EXPECT_NE(log.Take().find("MAX_CONNECTIONS_PER_ORIGIN"), std::string::npos);
  first.client.Reset(-1);
  EXPECT_TRUE(IsClosed(first.grpc));
  first.grpc.Reset(-1);
  // The end of the relay follows the end of its bytes, on its own thread.
  for (;;) {
    const UniqueFd client = Connect();
    const auto opening = Http2Bytes::Opening().bytes();
    if (::send(client.get(), opening.data(), opening.size(), MSG_NOSIGNAL) > 0 &&
        taken.Take().valid()) {
      break;
    }
  }
}

TEST_F(RelaysTest, EitherEndIsTheEndOfBoth) {
  Open();
  Joined by_client = Join();
  by_client.client.Reset(-1);
  EXPECT_TRUE(IsClosed(by_client.grpc));
  Joined by_grpc = Join();
  Send(by_grpc.grpc, Frames(1, 40'000));
  by_grpc.grpc.Reset(-1);
  EXPECT_EQ(Receive(by_grpc.client, 40'010).size(), 40'009U);
}

TEST_F(RelaysTest, StopPassesOnWhatGrpcSaidLast) {
  Open();
  Joined joined = Join();
  const auto last = Frames(1, 1'000);
  Send(joined.grpc, last);
  joined.grpc.Reset(-1);
  relays->Stop();
  EXPECT_EQ(Receive(joined.client, last.size() + 1), last);
}

}  // namespace
}  // namespace belay::daemon
