// Listener: our own accept loop, which hands connections to gRPC.
//
// gRPC's own listener dies for good when the process runs out of descriptors, knows nothing of peer
// credentials, and lets nobody look at a connection before it is spent resources on. This one goes on
// after EMFILE, and gives each connection to a handler first, which is where limits and guards belong.
//
// Thread safety: Open() and Stop() on the thread that runs the io_context; it does all the work.
#pragma once

#include <asio/basic_socket_acceptor.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "broker/base/status.h"
#include "broker/base/unique_fd.h"
#include "broker/daemon/config.h"
#include "broker/daemon/socket_file.h"
#include "broker/registry/registry.h"

namespace belay::daemon {

class Listener {
 public:
  // Takes over a connection: non-blocking, close-on-exec.
  using Handler = std::function<void(base::UniqueFd connection)>;

  // Binds and listens; connections wait until Start().
  static base::Result<std::unique_ptr<Listener>> Open(asio::io_context& io,
                                                      const ListenAddress& address,
                                                      std::uint32_t socket_mode,
                                                      registry::LogFunction log);
  void Start(Handler handler);
  // Accepts no more.
  void Stop();
  // As it can be connected to: the port is the real one.
  const ListenAddress& address() const { return address_; }

 private:
  using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;

  Listener(asio::io_context& io, ListenAddress address, registry::LogFunction log);
  base::Status OpenTcp();
  void Accept();
  void Admit(base::UniqueFd connection);

  ListenAddress address_;
  const registry::LogFunction log_;
  std::optional<SocketFile> file_;
  Acceptor acceptor_;
  asio::steady_timer pause_;
  Handler handler_;
};

}  // namespace belay::daemon
