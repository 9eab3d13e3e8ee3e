#include "broker/daemon/tls_endpoint.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace belay::daemon {

namespace {

struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using Ssl = std::unique_ptr<SSL, FreeSsl>;

class TlsEndpoint final : public Endpoint {
 public:
  explicit TlsEndpoint(Ssl ssl) : ssl_(std::move(ssl)) {}

  Transfer Read(std::span<std::uint8_t> buffer) override {
    std::size_t bytes = 0;
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &bytes);
    return Settle(result, bytes);
  }
  Transfer Write(std::span<const std::uint8_t> bytes) override {
    std::size_t written = 0;
    ERR_clear_error();
    const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
    return Settle(result, written);
  }
  bool HasBuffered() const override { return SSL_has_pending(ssl_.get()) == 1; }
  // One attempt: whoever closes next to it tells the same.
  void EndWriting() override { (void)SSL_shutdown(ssl_.get()); }
  std::string_view failure() const override { return failure_; }

  std::string CertificateName() const override {
    const X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
    if (certificate == nullptr) return {};
    const X509_NAME* const subject = X509_get_subject_name(certificate);
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0) return {};
    unsigned char* text = nullptr;
    const int bytes =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (bytes < 0) return {};
    std::string name(reinterpret_cast<const char*>(text), static_cast<std::size_t>(bytes));
    OPENSSL_free(text);
    return name;
  }

 private:
  Transfer Settle(int result, std::size_t bytes) {
    if (result == 1) return {Progress::kDone, bytes};
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ: return {Progress::kWantRead};
      case SSL_ERROR_WANT_WRITE: return {Progress::kWantWrite};
      case SSL_ERROR_ZERO_RETURN: return {Progress::kEnd};
      case SSL_ERROR_SSL: {
        std::array<char, 256> text{};
        ERR_error_string_n(ERR_peek_last_error(), text.data(), text.size());
        failure_ = text.data();
        break;
      }
      default: break;  // the socket's own
    }
    ERR_clear_error();
    return {Progress::kFailed};
  }

  const Ssl ssl_;
  std::string failure_;
};

}  // namespace

std::unique_ptr<Endpoint> MakeTlsEndpoint(SSL_CTX* context, int fd) {
  Ssl ssl(SSL_new(context));
  if (ssl == nullptr || SSL_set_fd(ssl.get(), fd) != 1) return nullptr;
  SSL_set_accept_state(ssl.get());
  return std::make_unique<TlsEndpoint>(std::move(ssl));
}

}  // namespace belay::daemon
