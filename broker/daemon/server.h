// Server: belayd put together, from opening to the end.
//
// Start: listeners are bound, the store is opened, gRPC starts, and only then are connections accepted;
// so a client that connects early waits instead of failing. Stop: accepting ends, clients get Goodbye,
// calls in flight may finish within the drain timeout, then what is left is ended, and everything is
// taken down in the reverse order.
//
// Thread safety: everything on the thread that made it, the one that runs the io_context.
#pragma once

#include <asio/io_context.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "broker/base/status.h"
#include "broker/base/unique_fd.h"
#include "broker/daemon/access_control.h"
#include "broker/daemon/config.h"
#include "broker/registry/registry.h"

namespace grpc {
class Server;
namespace experimental {
class ExternalConnectionAcceptor;
}
}  // namespace grpc

namespace belay::daemon {

class Hub;
class Listener;
class Loop;
struct Peer;
class Relays;
class Services;
class Tls;

class Server {
 public:
  // Fails with what could not be opened and what to do about it. May block (disk).
  static base::Result<std::unique_ptr<Server>> Start(asio::io_context& io, const Config& config,
                                                     registry::LogFunction log);
  ~Server();

  // Where it can be reached.
  std::vector<std::string> Addresses() const;
  // Reads the tokens and the policy again. May block (disk, user lookup).
  void ReloadAccess(Reread reread);
  // Ends everything, in bounded time. Call once.
  void Stop();

 private:
  Server(const Config& config, registry::LogFunction log);
  base::Status OpenListeners(asio::io_context& io);
  base::Status OpenBroker();
  base::Status StartServing();
  void StartListening();
  void HandOver(base::UniqueFd connection, const Peer& peer);
  void DrainSessions();
  void Log(registry::LogLevel level, const std::string& text) const;
  // In the audit, of the broker itself.
  void Note(std::string event, std::string what);

  const Config config_;
  const registry::LogFunction log_;
  std::shared_ptr<AccessControl> access_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unique_ptr<Hub> hub_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<grpc::Server> grpc_;
  std::thread loop_thread_;
  std::unique_ptr<Tls> tls_;  // null: TCP is in plaintext
  std::unique_ptr<Relays> relays_;
};

}  // namespace belay::daemon
