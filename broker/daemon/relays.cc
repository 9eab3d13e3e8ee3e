#include "broker/daemon/relays.h"

#include <algorithm>
#include <asio/post.hpp>
#include <string>
#include <utility>

namespace belay::daemon {

using base::Code;
using base::Status;
using base::UniqueFd;

Relays::Relays(const RelayOptions& options, Taker taker, RefusalLog& refusals,
               const base::Clock& clock)
    : options_(options),
      taker_(std::move(taker)),
      clock_(clock),
      refusals_(refusals),
      caps_(options.max_connections, options.max_connections_per_origin),
      thread_([this] { io_.run(); }) {}

Relays::~Relays() { Stop(); }

void Relays::Admit(UniqueFd connection, std::unique_ptr<Endpoint> endpoint) {
  auto peer = PeerOf(connection.get());
  if (!peer.ok()) return;  // gone already
  auto ticket = caps_.Enter(peer->origin);
  if (!ticket.ok())
    return (void)refusals_.Refused(ticket.status().reason(), peer->text, ticket.status().message());
  asio::post(
      io_, [this, relay = std::make_shared<Relay>(*this, std::move(connection), std::move(endpoint),
                                                  std::move(*peer), std::move(*ticket))] {
        live_.emplace(relay, 0);
        relay->Start();
      });
}

void Relays::NoteUnfinished(Relay& relay, std::size_t unfinished_bytes) {
  std::size_t& noted = live_.at(relay.shared_from_this());
  unfinished_bytes_ += unfinished_bytes - std::exchange(noted, unfinished_bytes);
  if (unfinished_bytes_ <= options_.max_unfinished_bytes) return;
  const auto largest = std::max_element(
      live_.begin(), live_.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  const std::shared_ptr<Relay> refused = largest->first;
  refused->Refuse(
      Status(Code::kResourceExhausted,
             std::to_string(largest->second) +
                 " bytes of messages are not complete, the most of any connection, and of "
                 "all there are more than " +
                 std::to_string(options_.max_unfinished_bytes),
             "UNFINISHED_MESSAGES"));
}

void Relays::Remove(Relay& relay) {
  const auto found = live_.find(relay.shared_from_this());
  if (found == live_.end()) return;
  unfinished_bytes_ -= found->second;
  live_.erase(found);
}

void Relays::Stop() {
  if (!thread_.joinable()) return;
  asio::post(io_, [this] {
    while (!live_.empty()) {
      const std::shared_ptr<Relay> relay = live_.begin()->first;
      relay->Close();
    }
    work_.reset();
  });
  thread_.join();
}

}  // namespace belay::daemon
