// Identity: who a client is, as one value, however it was proved.
//
//   uid:1000                 the user of the process at the other end of a unix socket, by the kernel's word
//   cert:CN=alice.example    the common name of the certificate that a TLS client has proved to hold
//   token:shop-1             the name of the bearer token that it brought
//   anonymous                none of these: TCP without a certificate or a token
//
// A client may have proved several; the order of this list from below decides, but for the last: a token was
// brought on purpose, and is the most particular. The text is what policies match, what logs and the audit show, and
// what budgets are counted by.
//
// Users are numbers here. Names of users are looked up when a policy is read (policy_file.h), not when somebody
// connects: the lookup may ask the network.
//
// Thread safety: values.
#pragma once

#include <cstdint>
#include <string>

namespace belay::access {

struct Identity {
  enum class Kind : std::uint8_t { kAnonymous, kUser, kCertificate, kToken };

  bool operator==(const Identity&) const = default;
  std::string ToText() const {
    switch (kind) {
      case Kind::kAnonymous: break;
      case Kind::kUser: return "uid:" + name;
      case Kind::kCertificate: return "cert:CN=" + name;
      case Kind::kToken: return "token:" + name;
    }
    return "anonymous";
  }

  Kind kind = Kind::kAnonymous;
  std::string name = {};  // "1000", "alice.example", "shop-1"
};

}  // namespace belay::access
