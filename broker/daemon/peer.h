// Peer: who is at the other end of a connection, as the kernel says; and how gRPC gets to know it.
//
// On a unix socket that is the process that connected (SO_PEERCRED): it cannot lie about its user. On
// TCP it is an address.
//
// How gRPC gets to know it. Of a connection that is handed over, gRPC 1.51 keeps nothing but the name that
// getpeername() gives, and tells it as ServerContext::peer(). A client on a unix socket has no name, or
// one that it chose itself. So this file defines getpeername() for the process, which libgrpc then calls:
// within the length of a PeerNameScope, on its thread, it gives the text of the scope's peer as the path of a
// unix socket, and is the system's everywhere else. A gRPC that went another way would tell "unix:",
// hence nothing that could be taken for somebody.
//
// Thread safety: values and pure functions; a PeerNameScope ends on the thread that made it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/access/identity.h"
#include "broker/base/status.h"

namespace belay::daemon {

struct Peer {
  // "uid=1000,pid=4242" or "addr=127.0.0.1,port=40112"; fits into the name of a unix socket.
  std::string text;
  // By what connections are counted: the user; the IPv4 address; of IPv6 the first 64 bits, which are
  // one customer's.
  std::string origin;
};

// Of a connected unix or TCP socket. UNAVAILABLE if it is not connected any more.
base::Result<Peer> PeerOf(int fd);

class PeerNameScope {
 public:
  // REQUIRES: `peer` outlives this; there is no other on this thread.
  explicit PeerNameScope(const Peer& peer);
  PeerNameScope(const PeerNameScope&) = delete;
  PeerNameScope& operator=(const PeerNameScope&) = delete;
  ~PeerNameScope();
};

// Who that is, of Peer::text: the user, the certificate's name, or nobody in particular.
access::Identity IdentityOf(std::string_view peer_text);

// Peer::text again, from what ServerContext::peer() tells; empty if it does not come from a scope.
std::string_view PeerText(std::string_view grpc_peer);

}  // namespace belay::daemon
