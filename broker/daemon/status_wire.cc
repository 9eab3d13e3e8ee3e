#include "broker/daemon/status_wire.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <mutex>
#include <unordered_set>

#include "belay/v1/status.pb.h"

namespace belay::daemon {

using base::Code;
using base::Status;

namespace {

constexpr std::size_t kMaxReasonBytes = 64;
constexpr std::size_t kMaxReasons = 4'096;
constexpr std::size_t kMaxCalleeErrorBytes = 4'096;

// A Status refers to its reason, which is a literal wherever the broker itself fails. Those of hosts are
// kept here for good: programs have few, and what is more than that is not told apart.
std::string_view KeepReason(const std::string& reason) {
  static std::mutex mutex;
  static auto& reasons = *new std::unordered_set<std::string>();
  const bool is_reason = !reason.empty() && reason.size() <= kMaxReasonBytes &&
                         std::all_of(reason.begin(), reason.end(), [](char c) {
                           return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
                         });
  if (!is_reason) return {};
  const std::lock_guard lock(mutex);
  if (const auto found = reasons.find(reason); found != reasons.end()) return *found;
  if (reasons.size() >= kMaxReasons) return {};
  return *reasons.insert(reason).first;
}

}  // namespace

void ToWire(const Status& status, v1::Status* wire) {
  wire->set_code(static_cast<std::int32_t>(status.code()));
  wire->set_reason(std::string(status.reason()));
  wire->set_message(status.message());
}

void ToWire(const Status& status, registry::Certainty certainty, v1::Status* wire) {
  ToWire(status, wire);
  wire->set_certainty(static_cast<v1::Certainty>(certainty));
}

Status FromHost(const v1::Status& wire) {
  if (wire.code() == 0) return {};
  std::string_view reason = KeepReason(wire.reason());
  // CodeName's texts are literals.
  if (reason.empty()) reason = base::CodeName(static_cast<Code>(wire.code()));
  return Status(Code::kCallbackFailed, wire.message(), reason);
}

std::string CalleeErrorOf(const v1::Status& wire) {
  v1::CalleeError error;
  if (wire.callee().ByteSizeLong() <= kMaxCalleeErrorBytes) error = wire.callee();
  error.set_code(wire.code());
  return error.SerializeAsString();
}

std::string Printable(std::string_view text) {
  constexpr std::size_t kMaxBytes = 255;
  std::string out;
  for (const char c : text.substr(0, kMaxBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
      continue;
    }
    std::array<char, 5> escaped{};
    std::snprintf(escaped.data(), escaped.size(), "\\x%02x", static_cast<unsigned>(byte));
    out += escaped.data();
  }
  if (text.size() > kMaxBytes) out += "...";
  return out;
}

}  // namespace belay::daemon
