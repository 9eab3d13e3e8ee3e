// Tls: what makes TLS of a TCP connection: certificates, and the Endpoint that speaks it (OpenSSL).
//
// The relay ends TLS, so that the guard sees frames. gRPC's clients need ALPN "h2"; nothing below TLS 1.2 is
// spoken, nothing is renegotiated or resumed.
//
// Reload. Each new connection looks whether a file has changed since the last; if so, all are read again.
// Files that do not fit together, as in the middle of a renewal, change nothing and are named in the log;
// connections that exist keep what they began with.
//
// Thread safety: MakeEndpoint() on one thread at a time; an Endpoint on any one thread.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "broker/base/status.h"
#include "broker/daemon/endpoint.h"
#include "broker/daemon/file_stamp.h"
#include "broker/registry/registry.h"

namespace belay::daemon {

struct TlsFiles {
  std::string certificate;  // PEM: the server's, then those between it and its root
  std::string key;          // PEM, not encrypted
  std::string client_ca;    // PEM; if given, clients must have a certificate of one of these
};

class Tls {
 public:
  // INVALID_ARGUMENT names the file that cannot be used.
  static base::Result<std::unique_ptr<Tls>> Load(TlsFiles files, registry::LogFunction log);

  // For a connected, non-blocking socket, which outlives it. Null only for want of memory.
  std::unique_ptr<Endpoint> MakeEndpoint(int fd);

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  using Context = std::unique_ptr<SSL_CTX, Free>;
  using Stamps = std::array<FileStamp, 3>;

  Tls(TlsFiles files, registry::LogFunction log) : files_(std::move(files)), log_(std::move(log)) {}
  static base::Result<Context> MakeContext(const TlsFiles& files);
  Stamps TakeStamps() const;
  void ReloadIfChanged();

  const TlsFiles files_;
  const registry::LogFunction log_;
  Stamps stamps_;
  Context context_;
};

}  // namespace belay::daemon
