// ResumeToken: what lets a client come back to its session, and nobody else (W3).
//
// Opaque to clients. Inside: the broker's boot epoch and the session's id, so that a token of another
// start of the broker is told from one of a session that has ended, and 16 random bytes that make it
// impossible to guess.
//
// Thread safety: values; distinct objects may be used from distinct threads.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace belay::daemon {

class ResumeToken {
 public:
  // A new one, with a secret of the system's (getrandom, which blocks until the system has some).
  static ResumeToken Make(std::uint64_t epoch, std::uint64_t session_id);
  // None if the text has not the form of a token.
  static std::optional<ResumeToken> Parse(std::string_view text);

  std::string ToText() const { return {bytes_.data(), bytes_.size()}; }
  std::uint64_t epoch() const;
  std::uint64_t session_id() const;
  // Takes the same time whatever the two have in common.
  bool Equals(const ResumeToken& other) const;

 private:
  static constexpr std::size_t kEpochAt = 0;
  static constexpr std::size_t kSessionAt = 8;
  static constexpr std::size_t kSecretAt = 16;

  std::array<char, 32> bytes_{};
};

}  // namespace belay::daemon
