// Any bytes from a client onto a relay: what gRPC gets must be what the client sent, whole if the guard has
// nothing against it and without what broke a rule otherwise; and every connection must end.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/unique_fd.h"
#include "broker/daemon/endpoint.h"
#include "broker/daemon/http2_guard.h"
#include "broker/daemon/refusal_log.h"
#include "broker/daemon/relays.h"
#include "broker/daemon/testing/http2_bytes.h"

namespace {

using belay::base::UniqueFd;
using belay::base::VirtualClock;
using belay::daemon::GuardRule;
using belay::daemon::Http2Guard;
using belay::daemon::MakeSocketEndpoint;
using belay::daemon::Peer;
using belay::daemon::RefusalLog;
using belay::daemon::RelayOptions;
using belay::daemon::Relays;
using belay::daemon::testing::Http2Bytes;

using Bytes = std::vector<std::uint8_t>;

[[noreturn]] void Violated(const char* what) {
  std::fprintf(stderr, "VIOLATED: %s\n", what);
  std::abort();
}

std::pair<UniqueFd, UniqueFd> Pair() {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0)
    Violated("no descriptors");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// Small, as a fuzzer's inputs are.
RelayOptions Options() {
  RelayOptions options;
  options.guard.max_header_block_bytes = 64;
  options.guard.max_resets_per_second = 2;
  options.guard.max_pings_per_second = 2;
  options.guard.max_control_frame_bytes = 24;
  return options;
}

// What gRPC would be given, told by a byte on a socket that can be waited for.
struct Grpc {
  void Take(UniqueFd fd) {
    const std::lock_guard lock(mutex);
    taken = std::move(fd);
    if (::send(told.first.get(), "t", 1, 0) != 1) Violated("cannot tell");
  }
  UniqueFd Taken() {
    char byte = 0;
    if (::recv(told.second.get(), &byte, 1, 0) != 1) Violated("cannot be told");
    const std::lock_guard lock(mutex);
    return std::move(taken);
  }
  std::pair<UniqueFd, UniqueFd> told = Pair();
  std::mutex mutex;
  UniqueFd taken;
};

void WaitFor(pollfd* fds, nfds_t count) {
  constexpr int kLimitMs = 30'000;
  int ready = -1;
  do {
    ready = ::poll(fds, count, kLimitMs);
  } while (ready < 0 && errno == EINTR);  // by libFuzzer's timer
  if (ready <= 0) Violated("a connection does not end");
}

// All of it, unless the other side ends before.
void SendInPieces(const UniqueFd& fd, std::span<const std::uint8_t> bytes,
                  std::size_t piece_bytes) {
  while (!bytes.empty()) {
    const std::size_t count = std::min(piece_bytes, bytes.size());
    const ssize_t sent = ::send(fd.get(), bytes.data(), count, MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) return;
    if (sent > 0) bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
}

Bytes ReadToEnd(const UniqueFd& fd) {
  Bytes bytes;
  std::array<std::uint8_t, 4'096> buffer{};
  for (;;) {
    pollfd waiting{fd.get(), POLLIN, 0};
    WaitFor(&waiting, 1);
    const ssize_t some = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (some <= 0) return bytes;
    bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + some);
  }
}

}  // namespace

// The first byte says how the rest is cut, and whether it comes after a proper opening.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static VirtualClock clock;
  static Grpc grpc;
  static RefusalLog refusals(nullptr, clock);
  static Relays relays(
      Options(), [](UniqueFd fd, const Peer&) { grpc.Take(std::move(fd)); }, refusals, clock);
  if (size == 0) return 0;
  const std::size_t piece_bytes = 1 + data[0] % 64;
  Bytes bytes;
  if (data[0] >= 64) bytes = Http2Bytes::Opening().bytes();
  bytes.insert(bytes.end(), data + 1, data + size);

  auto [client, connection] = Pair();
  if (::fcntl(connection.get(), F_SETFL, O_NONBLOCK) != 0) Violated("cannot make it non-blocking");
  auto endpoint = MakeSocketEndpoint(connection.get());
  relays.Admit(std::move(connection), std::move(endpoint));
  SendInPieces(client, bytes, piece_bytes);
  (void)::shutdown(client.get(), SHUT_WR);

  Bytes passed;
  std::array<pollfd, 2> either{pollfd{client.get(), POLLIN, 0},
                               pollfd{grpc.told.second.get(), POLLIN, 0}};
  WaitFor(either.data(), either.size());
  // Told before the end, if at all: the connection was handed over before it could end.
  pollfd told{grpc.told.second.get(), POLLIN, 0};
  if (::poll(&told, 1, 0) == 1) {
    const UniqueFd taken = grpc.Taken();
    passed = ReadToEnd(taken);
  }
  (void)ReadToEnd(client);

  Http2Guard guard(Options().guard);
  const bool is_fine = guard.OnFromClient(bytes, 0) == GuardRule::kNone;
  if (!std::equal(
          passed.begin(), passed.end(), bytes.begin(),
          bytes.begin() + static_cast<std::ptrdiff_t>(std::min(passed.size(), bytes.size()))))
    Violated("what was passed on is not what was sent");
  if (passed.size() > bytes.size()) Violated("more was passed on than was sent");
  if (is_fine && guard.is_open() && passed.size() != bytes.size())
    Violated("bytes were lost that break no rule");
  if (!is_fine && passed.size() == bytes.size()) Violated("what broke a rule was passed on");
  return 0;
}
