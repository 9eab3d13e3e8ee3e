#include "broker/access/tokens.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <span>
#include <utility>

namespace belay::access {

using base::Code;
using base::Result;
using base::Status;

namespace {

constexpr std::string_view kBlank = " \t\r";

std::string ToHex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 0xfU];
  }
  return text;
}

// The next word of a line, which is taken from it; empty if there is none.
std::string_view TakeWord(std::string_view* line) {
  line->remove_prefix(std::min(line->find_first_not_of(kBlank), line->size()));
  const std::string_view word = line->substr(0, line->find_first_of(kBlank));
  line->remove_prefix(word.size());
  return word;
}

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

}  // namespace

std::string MakeToken() {
  std::array<std::uint8_t, 32> bytes{};
  // Without randomness there is nothing to go on with.
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) std::abort();
  return "belay_" + ToHex(bytes);
}

std::string TokenLine(std::string_view name, std::string_view token) {
  return std::string(name) + " " + ToHex(Tokens::HashOf(token));
}

Status ValidateTokenName(std::string_view name) {
  if (!name.empty() && name.size() <= kMaxTokenNameBytes &&
      std::all_of(name.begin(), name.end(), IsNameCharacter)) {
    return {};
  }
  return Status(Code::kInvalidArgument, "a token's name has 1 to " +
                                            std::to_string(kMaxTokenNameBytes) +
                                            " letters, digits, dots, hyphens and underscores");
}

Tokens::Hash Tokens::HashOf(std::string_view token) {
  Hash hash;
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), hash.data());
  return hash;
}

bool Tokens::ParseHash(std::string_view text, Hash* hash) {
  if (text.size() != 2 * hash->size()) return false;
  for (std::size_t i = 0; i < hash->size(); ++i) {
    const char* const digits = text.data() + 2 * i;
    const auto [end, error] = std::from_chars(digits, digits + 2, (*hash)[i], 16);
    if (error != std::errc() || end != digits + 2) return false;
  }
  return true;
}

Result<Tokens> Tokens::Parse(std::string_view text, const std::string& file) {
  Tokens tokens;
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    line = line.substr(0, line.find('#'));
    const std::string_view name = TakeWord(&line);
    if (name.empty()) continue;
    const std::string_view hash_text = TakeWord(&line);
    // What stands there may be a token that was put in the wrong place: it is not repeated.
    const auto refuse = [&](const std::string& why) {
      return Status(Code::kInvalidArgument, file + ":" + std::to_string(number) + ": " + why);
    };
    if (Status status = ValidateTokenName(name); !status.ok()) return refuse(status.message());
    Token token{std::string(name), {}};
    if (!ParseHash(hash_text, &token.hash) || !TakeWord(&line).empty()) {
      return refuse(
          "expected a name and the SHA-256 of a token, 64 hexadecimal digits, as belayctl token "
          "new prints them");
    }
    if (tokens.Has(name)) return refuse("the name \"" + token.name + "\" is there twice");
    if (tokens.size() == kMaxTokens)
      return refuse("there are more than " + std::to_string(kMaxTokens) + " tokens");
    tokens.tokens_.push_back(std::move(token));
  }
  return tokens;
}

const std::string* Tokens::Find(std::string_view token) const {
  const Hash hash = HashOf(token);
  const std::string* found = nullptr;
  for (const Token& candidate : tokens_) {
    if (CRYPTO_memcmp(candidate.hash.data(), hash.data(), hash.size()) == 0)
      found = &candidate.name;
  }
  return found;
}

bool Tokens::Has(std::string_view name) const {
  return std::any_of(tokens_.begin(), tokens_.end(),
                     [&](const Token& token) { return token.name == name; });
}

}  // namespace belay::access
