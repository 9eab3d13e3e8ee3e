// The Endpoint that speaks TLS on a socket; see tls.h.
//
// The handshake happens within the first Read().
//
// Thread safety: as Endpoint's.
#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "broker/daemon/endpoint.h"

namespace belay::daemon {

// The server's side, on a non-blocking socket, which outlives it. Null for want of memory.
std::unique_ptr<Endpoint> MakeTlsEndpoint(SSL_CTX* context, int fd);

}  // namespace belay::daemon
