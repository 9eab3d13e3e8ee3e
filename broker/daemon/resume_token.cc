#include "broker/daemon/resume_token.h"

#include <algorithm>
#include <cstring>

#include "broker/daemon/secret_bytes.h"

namespace belay::daemon {
ResumeToken ResumeToken::Make(std::uint64_t epoch, std::uint64_t session_id) {
  ResumeToken token;
  std::memcpy(&token.bytes_[kEpochAt], &epoch, sizeof epoch);
  std::memcpy(&token.bytes_[kSessionAt], &session_id, sizeof session_id);
  FillWithRandom(std::span(token.bytes_).subspan(kSecretAt));
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
  return EqualInConstantTime(bytes_, other.bytes_);
}

}  // namespace belay::daemon
