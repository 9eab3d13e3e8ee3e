// Relay: one connection between a client and gRPC, with the guard between.
//
// The client's bytes go to the guard, and then into a socketpair whose other end gRPC has. That is made
// only when the client has proved to speak HTTP/2: until then it costs one descriptor and nothing in gRPC.
//
// Back-pressure. What is read is written at once, out of one buffer that all relays share. What the other
// side does not take is kept, and nothing more is read in that direction until it is gone: so a connection
// keeps a buffer's length in each direction at most, and mostly nothing.
//
// Invariants
//   - Bytes leave in the order in which they came, and none of those that a rule was broken with.
//   - At most kRelayBufferBytes wait in each direction.
//   - End() happens once: both descriptors are closed, the ticket is given back.
//
// Thread safety: none; everything on the relays' thread.
#pragma once

#include <array>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "broker/base/status.h"
#include "broker/base/unique_fd.h"
#include "broker/daemon/connection_caps.h"
#include "broker/daemon/endpoint.h"
#include "broker/daemon/http2_guard.h"
#include "broker/daemon/peer.h"

namespace belay::daemon {

class Relays;

inline constexpr std::size_t kRelayBufferBytes = std::size_t{64} << 10U;
using RelayBuffer = std::array<std::uint8_t, kRelayBufferBytes>;

class Relay : public std::enable_shared_from_this<Relay> {
 public:
  // REQUIRES: `client` is connected and non-blocking, `endpoint` is on it; `relays` outlives this.
  Relay(Relays& relays, base::UniqueFd client, std::unique_ptr<Endpoint> endpoint, Peer peer,
        ConnectionCaps::Ticket ticket);

  void Start();
  // Passes on what gRPC wrote last, as far as the client takes it at once, and ends.
  void Close();
  // Ends it, with a line in the log that has the reason of `why` for the rule's name.
  void Refuse(const base::Status& why);

 private:
  struct Side {
    explicit Side(asio::io_context& io) : descriptor(io) {}
    asio::posix::stream_descriptor descriptor;
    std::unique_ptr<Endpoint> endpoint;
  };
  struct Direction {
    Side& from;
    Side& to;
    std::vector<std::uint8_t> waiting;  // read, and not yet taken by `to`
  };
  using Step = void (Relay::*)(Direction&);

  static base::Status Attach(Side& side, base::UniqueFd fd, std::unique_ptr<Endpoint> endpoint);
  void OnFailed(const Direction& direction);
  base::Status AddCertificateName();
  bool is_joined() const { return server_.endpoint != nullptr; }
  void Await(asio::posix::stream_descriptor::wait_type ready, Side& side, Direction& direction,
             Step step);
  // One after the other, for ever: read some, pass them, and flush what is left of them.
  void Read(Direction& direction);
  void Pass(Direction& direction, std::span<const std::uint8_t> bytes);
  void Flush(Direction& direction);
  void GoOn(Direction& direction, Progress written);
  void ReadOn(Direction& direction);
  void OnEnd(Direction& direction);
  // Hands the other end of a socketpair to gRPC.
  base::Status Join();
  void End();

  Relays& relays_;
  Peer peer_;
  ConnectionCaps::Ticket ticket_;
  Http2Guard guard_;
  asio::steady_timer handshake_timer_;
  Side client_;
  Side server_;
  Direction up_{client_, server_, {}};
  Direction down_{server_, client_, {}};
  bool has_ended_ = false;
};

}  // namespace belay::daemon
