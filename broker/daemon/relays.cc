#include "broker/daemon/relays.h"

#include <asio/post.hpp>
#include <utility>

namespace belay::daemon {

using base::UniqueFd;

Relays::Relays(const RelayOptions& options, Taker taker, registry::LogFunction log,
               const base::Clock& clock)
    : options_(options),
      taker_(std::move(taker)),
      clock_(clock),
      refusals_(std::move(log), clock),
      caps_(options.max_connections, options.max_connections_per_origin),
      thread_([this] { io_.run(); }) {}

Relays::~Relays() { Stop(); }

void Relays::Admit(UniqueFd connection) {
  auto peer = PeerOf(connection.get());
  if (!peer.ok()) return;  // gone already
  auto ticket = caps_.Enter(peer->origin);
  if (!ticket.ok())
    return refusals_.Refused(ticket.status().reason(), peer->text, ticket.status().message());
  asio::post(io_, [this, relay = std::make_shared<Relay>(*this, std::move(connection),
                                                         std::move(*peer), std::move(*ticket))] {
    live_.insert(relay);
    relay->Start();
  });
}

void Relays::Stop() {
  if (!thread_.joinable()) return;
  asio::post(io_, [this] {
    for (const auto& relay : std::exchange(live_, {})) relay->Close();
    work_.reset();
  });
  thread_.join();
}

}  // namespace belay::daemon
