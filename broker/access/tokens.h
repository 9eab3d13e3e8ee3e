// Bearer tokens: secrets that name a client, as a broker knows them: by their hashes.
//
// The file has a line for each, "NAME SHA256", in hexadecimal; "#" begins a comment. It is no secret itself: a token has
// 256 random bits, so its hash leads nobody back, and needs neither salt nor a slow hash, which passwords do.
//
// Invariants
//   - How long Find() takes depends on the number of tokens alone: every hash is compared, each in constant time.
//   - No token and no part of one is ever in an error's text.
//
// Thread safety: values; pure functions but for MakeToken().
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/status.h"

namespace belay::access {

inline constexpr std::size_t kMaxTokens = 4'096;
inline constexpr std::size_t kMaxTokenNameBytes = 64;

// A new one: "belay_" and 64 hexadecimal digits, of the system's randomness.
std::string MakeToken();
// The line of the file for it, without the line's end.
std::string TokenLine(std::string_view name, std::string_view token);
// INVALID_ARGUMENT unless it has 1 to kMaxTokenNameBytes letters, digits, dots, hyphens and underscores.
base::Status ValidateTokenName(std::string_view name);

class Tokens {
 public:
  // INVALID_ARGUMENT names `file`, the line and what was expected there.
  static base::Result<Tokens> Parse(std::string_view text, const std::string& file);

  // The name of the token; null if it is none of them. Valid as long as this is.
  const std::string* Find(std::string_view token) const;
  bool Has(std::string_view name) const;
  std::size_t size() const { return tokens_.size(); }

 private:
  using Hash = std::array<std::uint8_t, 32>;
  struct Token {
    std::string name;
    Hash hash;
  };

  static Hash HashOf(std::string_view token);
  static bool ParseHash(std::string_view text, Hash* hash);
  friend std::string TokenLine(std::string_view name, std::string_view token);

  std::vector<Token> tokens_;
};

}  // namespace belay::access
