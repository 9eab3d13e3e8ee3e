#include "broker/daemon/resume_token.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace belay::daemon {
namespace {

void FillWithRandom(char* bytes, std::size_t size) {
  for (std::size_t done = 0; done < size;) {
    const ssize_t got = ::getrandom(bytes + done, size - done, 0);
    // Only a signal stops it; a system without the call is none that this runs on.
    if (got < 0 && errno != EINTR) std::abort();
    if (got > 0) done += static_cast<std::size_t>(got);
  }
}

}  // namespace

ResumeToken ResumeToken::Make(std::uint64_t epoch, std::uint64_t session_id) {
  ResumeToken token;
  std::memcpy(&token.bytes_[kEpochAt], &epoch, sizeof epoch);
  std::memcpy(&token.bytes_[kSessionAt], &session_id, sizeof session_id);
  FillWithRandom(&token.bytes_[kSecretAt], token.bytes_.size() - kSecretAt);
  return token;
}

std::optional<ResumeToken> ResumeToken::Parse(std::string_view text) {
  ResumeToken token;
  if (text.size() != token.bytes_.size()) return std::nullopt;
  std::copy(text.begin(), text.end(), token.bytes_.begin());
  return token;
}

std::uint64_t ResumeToken::epoch() const {
  std::uint64_t epoch = 0;
  std::memcpy(&epoch, &bytes_[kEpochAt], sizeof epoch);
  return epoch;
}

std::uint64_t ResumeToken::session_id() const {
  std::uint64_t id = 0;
  std::memcpy(&id, &bytes_[kSessionAt], sizeof id);
  return id;
}

bool ResumeToken::Equals(const ResumeToken& other) const {
  int difference = 0;
  for (std::size_t i = 0; i < bytes_.size(); ++i) difference |= bytes_[i] ^ other.bytes_[i];
  return difference == 0;
}

}  // namespace belay::daemon
