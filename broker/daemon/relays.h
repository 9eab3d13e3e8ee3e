// Relays: the thread that moves the bytes of guarded connections, and the bounds on how many there are.
//
// A thread of its own, and not the accepting one: that waits for clients to finish while the broker stops,
// and their bytes must go on moving meanwhile.
//
// Thread safety: Admit() and Stop() may be called from any thread, one after the other; the rest is for
// Relay, on the relays' thread.
#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <unordered_map>

#include "broker/base/clock.h"
#include "broker/base/unique_fd.h"
#include "broker/daemon/connection_caps.h"
#include "broker/daemon/http2_guard.h"
#include "broker/daemon/peer.h"
#include "broker/daemon/refusal_log.h"
#include "broker/daemon/relay.h"

namespace belay::daemon {

struct RelayOptions {
  GuardLimits guard;
  std::uint32_t max_connections = 1'024;
  std::uint32_t max_connections_per_origin = 256;
  std::int64_t handshake_timeout_ms = 10'000;  // until a client has begun to speak HTTP/2
  // What clients may have sent of messages that are not complete, in all. Room for one of the greatest
  // size, and for the smaller ones of others.
  std::size_t max_unfinished_bytes = std::size_t{82} << 20U;
};

class Relays {
 public:
  // Takes the end of a relay that speaks for `peer`; on the relays' thread. May be called before Admit()
  // has returned.
  using Taker = std::function<void(base::UniqueFd connection, const Peer& peer)>;

  // REQUIRES: `refusals` and `clock` outlive this.
  Relays(const RelayOptions& options, Taker taker, RefusalLog& refusals,
         const base::Clock& clock = base::Clock::System());
  ~Relays();

  // Guards a connection, read and written through `endpoint`, from now on; or closes it, and says in the
  // log which bound refused it.
  void Admit(base::UniqueFd connection, std::unique_ptr<Endpoint> endpoint);
  // Ends all connections, once what gRPC has written is with those clients who take it; returns when the
  // thread has ended.
  void Stop();

  asio::io_context& io() { return io_; }
  RelayBuffer& buffer() { return buffer_; }
  const RelayOptions& options() const { return options_; }
  const base::Clock& clock() const { return clock_; }
  RefusalLog& refusals() { return refusals_; }
  void HandOver(base::UniqueFd connection, const Peer& peer) {
    taker_(std::move(connection), peer);
  }
  void Remove(Relay& relay);
  // Tells how much of unfinished messages there is on the relay's connection now. Above the bound in all,
  // the connection that has most of it is refused: perhaps this one.
  void NoteUnfinished(Relay& relay, std::size_t unfinished_bytes);

 private:
  const RelayOptions options_;
  const Taker taker_;
  const base::Clock& clock_;
  RefusalLog& refusals_;
  ConnectionCaps caps_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  RelayBuffer buffer_{};
  std::unordered_map<std::shared_ptr<Relay>, std::size_t> live_;  // and its unfinished bytes
  std::size_t unfinished_bytes_ = 0;                              // their sum
  std::thread thread_;
};

}  // namespace belay::daemon
