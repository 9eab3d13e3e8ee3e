#include "broker/daemon/relay.h"

#include <sys/socket.h>

#include <algorithm>
#include <asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "broker/daemon/relays.h"

namespace belay::daemon {

using asio::posix::stream_descriptor;
using base::Code;
using base::Status;
using base::UniqueFd;

namespace {

// The preface and the header of the first SETTINGS: more is not read from a client before it has joined.
constexpr std::size_t kOpeningBytes = 24 + FrameScanner::kHeaderBytes;
// Fits, behind an IPv6 address and a port, into the name of a peer.
constexpr std::size_t kMaxCertificateNameBytes = 40;

}  // namespace

Relay::Relay(Relays& relays, UniqueFd client, std::unique_ptr<Endpoint> endpoint, Peer peer,
             ConnectionCaps::Ticket ticket)
    : relays_(relays),
      peer_(std::move(peer)),
      ticket_(std::move(ticket)),
      guard_(relays.options().guard),
      handshake_timer_(relays.io()),
      client_(relays.io()),
      server_(relays.io()) {
  // What cannot be waited for is ended by the first wait.
  (void)Attach(client_, std::move(client), std::move(endpoint));
}

Status Relay::Attach(Side& side, UniqueFd fd, std::unique_ptr<Endpoint> endpoint) {
  asio::error_code error;
  side.descriptor.assign(fd.get(), error);
  if (error) return Status(Code::kUnavailable, "cannot wait for it: " + error.message());
  (void)fd.Release();
  side.endpoint = std::move(endpoint);
  return {};
}

void Relay::Start() {
  const std::int64_t timeout_ms = relays_.options().handshake_timeout_ms;
  handshake_timer_.expires_after(std::chrono::milliseconds(timeout_ms));
  handshake_timer_.async_wait([self = shared_from_this(), timeout_ms](asio::error_code cancelled) {
    // The time may have come before it was cancelled.
    if (cancelled || self->has_ended_ || self->is_joined()) return;
    self->Refuse(Status(Code::kDeadlineExceeded,
                        "it did not begin to speak HTTP/2 within the handshake-timeout of " +
                            std::to_string(timeout_ms) + " ms",
                        "HANDSHAKE_TIMEOUT"));
  });
  Await(stream_descriptor::wait_read, client_, up_, &Relay::Read);
}

void Relay::Close() {
  RelayBuffer& buffer = relays_.buffer();
  while (is_joined() && down_.waiting.empty()) {
    const Transfer read = server_.endpoint->Read(buffer);
    if (read.progress != Progress::kDone) break;
    const std::span<const std::uint8_t> bytes = std::span(buffer).first(read.bytes);
    if (client_.endpoint->Write(bytes).bytes < bytes.size()) break;
  }
  End();
}

void Relay::End() {
  if (std::exchange(has_ended_, true)) return;
  handshake_timer_.cancel();
  asio::error_code ignored;
  client_.descriptor.close(ignored);
  server_.descriptor.close(ignored);
  ticket_ = {};
  relays_.Remove(*this);
}

void Relay::Refuse(const Status& why) {
  (void)relays_.refusals().Refused(why.reason(), peer_.text, why.message());
  End();
}

void Relay::Await(stream_descriptor::wait_type ready, Side& side, Direction& direction, Step step) {
  side.descriptor.async_wait(ready,
                             [self = shared_from_this(), &direction, step](asio::error_code error) {
                               if (self->has_ended_) return;
                               if (error) return self->End();
                               (self.get()->*step)(direction);
                             });
}

void Relay::Read(Direction& direction) {
  const std::span<std::uint8_t> buffer =
      std::span(relays_.buffer()).first(is_joined() ? kRelayBufferBytes : kOpeningBytes);
  const Transfer transfer = direction.from.endpoint->Read(buffer);
  switch (transfer.progress) {
    case Progress::kDone: return Pass(direction, buffer.first(transfer.bytes));
    case Progress::kWantRead:
      return Await(stream_descriptor::wait_read, direction.from, direction, &Relay::Read);
    case Progress::kWantWrite:
      return Await(stream_descriptor::wait_write, direction.from, direction, &Relay::Read);
    case Progress::kEnd: return OnEnd(direction);
    case Progress::kFailed: return OnFailed(direction);
  }
}

void Relay::OnFailed(const Direction& direction) {
  const std::string_view failure = direction.from.endpoint->failure();
  if (failure.empty()) return End();
  Refuse(Status(Code::kUnauthenticated, std::string(failure), "TLS"));
}

void Relay::Pass(Direction& direction, std::span<const std::uint8_t> bytes) {
  const std::int64_t now_ns = relays_.clock().MonotonicNs();
  const GuardRule rule =
      &direction == &up_ ? guard_.OnFromClient(bytes, now_ns) : guard_.OnFromServer(bytes, now_ns);
  if (rule != GuardRule::kNone) {
    return Refuse(
        Status(Code::kResourceExhausted, Describe(rule, relays_.options().guard), RuleName(rule)));
  }
  relays_.NoteUnfinished(*this, guard_.unfinished_bytes());
  if (has_ended_) return;
  if (!is_joined()) {
    up_.waiting.insert(up_.waiting.end(), bytes.begin(), bytes.end());
    if (!guard_.is_open()) return ReadOn(up_);
    if (auto status = Join(); !status.ok()) return Refuse(status);
    return Flush(up_);
  }
  const Transfer transfer = direction.to.endpoint->Write(bytes);
  const std::span<const std::uint8_t> rest = bytes.subspan(transfer.bytes);
  direction.waiting.assign(rest.begin(), rest.end());
  GoOn(direction, transfer.progress);
}

void Relay::Flush(Direction& direction) {
  std::vector<std::uint8_t>& waiting = direction.waiting;
  const Transfer transfer = direction.to.endpoint->Write(waiting);
  waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(transfer.bytes));
  // A connection that once was behind does not keep the memory.
  if (waiting.empty()) waiting.shrink_to_fit();
  GoOn(direction, transfer.progress);
}

void Relay::GoOn(Direction& direction, Progress written) {
  if (written == Progress::kEnd || written == Progress::kFailed) return End();
  if (direction.waiting.empty()) return ReadOn(direction);
  Await(
      written == Progress::kWantRead ? stream_descriptor::wait_read : stream_descriptor::wait_write,
      direction.to, direction, &Relay::Flush);
}

void Relay::ReadOn(Direction& direction) {
  if (!direction.from.endpoint->HasBuffered())
    return Await(stream_descriptor::wait_read, direction.from, direction, &Relay::Read);
  // In its turn, like the others.
  asio::post(relays_.io(), [self = shared_from_this(), &direction] {
    if (!self->has_ended_) self->Read(direction);
  });
}

void Relay::OnEnd(Direction& direction) {
  if (!is_joined()) return End();
  direction.to.endpoint->EndWriting();
  // gRPC ends its own side once it has read to the end; when it has, there is nothing more to move.
  if (&direction == &down_) End();
}

Status Relay::AddCertificateName() {
  const std::string name = client_.endpoint->CertificateName();
  if (name.empty()) return {};
  const bool is_fit =
      name.size() <= kMaxCertificateNameBytes && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
      });
  if (!is_fit) {
    return Status(Code::kUnauthenticated,
                  "the common name of its certificate must have at most " +
                      std::to_string(kMaxCertificateNameBytes) +
                      " bytes, letters, digits, dots, hyphens and underscores",
                  "CERTIFICATE_NAME");
  }
  peer_.text += ",cert=" + name;
  return {};
}

Status Relay::Join() {
  if (auto status = AddCertificateName(); !status.ok()) return status;
  std::array<int, 2> fds{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) != 0)
    return Status(Code::kUnavailable,
                  "no descriptors for its way to gRPC: " + std::generic_category().message(errno));
  handshake_timer_.cancel();
  UniqueFd of_grpc(fds[1]);
  if (auto status = Attach(server_, UniqueFd(fds[0]), MakeSocketEndpoint(fds[0])); !status.ok())
    return status;
  relays_.HandOver(std::move(of_grpc), peer_);
  ReadOn(down_);
  return {};
}

}  // namespace belay::daemon
