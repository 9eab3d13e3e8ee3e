#include "broker/daemon/tls.h"

#include <openssl/err.h>

#include <string_view>
#include <utility>

#include "broker/daemon/tls_endpoint.h"

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;
using registry::LogLevel;

namespace {

// ALPN's form of the one protocol that gRPC speaks.
constexpr std::string_view kHttp2 = "\x02h2";

Status Unusable(const std::string& what, const std::string& file) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_peek_last_error(), text.data(), text.size());
  ERR_clear_error();
  return Status(Code::kInvalidArgument,
                "cannot use " + file + " as the " + what + ": " + text.data());
}

int SelectHttp2(SSL*, const unsigned char** selected, unsigned char* selected_bytes,
                const unsigned char* offered, unsigned offered_bytes, void*) {
  unsigned char* out = nullptr;
  const int result = SSL_select_next_proto(
      &out, selected_bytes, reinterpret_cast<const unsigned char*>(kHttp2.data()),
      static_cast<unsigned>(kHttp2.size()), offered, offered_bytes);
  *selected = out;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

Result<std::unique_ptr<Tls>> Tls::Load(TlsFiles files, registry::LogFunction log) {
  std::unique_ptr<Tls> tls(new Tls(std::move(files), std::move(log)));
  tls->stamps_ = tls->TakeStamps();
  auto context = MakeContext(tls->files_);
  if (!context.ok()) return context.status();
  tls->context_ = std::move(*context);
  return tls;
}

Result<Tls::Context> Tls::MakeContext(const TlsFiles& files) {
  ERR_clear_error();
  Context context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* const raw = context.get();
  if (raw == nullptr) return Unusable("certificate", files.certificate);
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(raw, 0);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  // Writes go on from wherever the rest of the bytes is kept, and an idle connection keeps no buffers.
  SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(raw, SelectHttp2, nullptr);
  if (SSL_CTX_use_certificate_chain_file(raw, files.certificate.c_str()) != 1)
    return Unusable("certificate", files.certificate);
  if (SSL_CTX_use_PrivateKey_file(raw, files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    return Unusable("certificate's key", files.key);
  if (files.client_ca.empty()) return context;
  STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(files.client_ca.c_str());
  if (names == nullptr || SSL_CTX_load_verify_file(raw, files.client_ca.c_str()) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return Unusable("clients' authority", files.client_ca);
  }
  SSL_CTX_set_client_CA_list(raw, names);
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return context;
}

Tls::Stamps Tls::TakeStamps() const {
  return {StampOf(files_.certificate), StampOf(files_.key), StampOf(files_.client_ca)};
}

void Tls::ReloadIfChanged() {
  const Stamps stamps = TakeStamps();
  if (stamps == stamps_) return;
  stamps_ = stamps;
  auto context = MakeContext(files_);
  if (context.ok()) context_ = std::move(*context);
  if (!log_) return;
  if (context.ok()) {
    log_(LogLevel::kInfo, "certificates were read again, as their files have changed");
  } else {
    log_(LogLevel::kError, "the certificates stay as they were: " + context.status().message());
  }
}

std::unique_ptr<Endpoint> Tls::MakeEndpoint(int fd) {
  ReloadIfChanged();
  return MakeTlsEndpoint(context_.get(), fd);
}

}  // namespace belay::daemon
