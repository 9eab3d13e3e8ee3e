#include "broker/daemon/account.h"

#include <algorithm>

namespace belay::daemon {

using base::Code;
using base::Status;

namespace {

constexpr double kNsPerSecond = 1e9;

}  // namespace

void Account::Use(const access::Permissions& permissions) {
  const access::Budget& budget = permissions.budget();
  if (budget.calls_per_second != budget_.calls_per_second)
    turns_ = static_cast<double>(budget.calls_per_second);
  budget_ = budget;
  rule_ = permissions.rule();
}

Status Account::Exhausted(std::string_view bound, std::uint64_t most, std::uint64_t there,
                          std::string_view of_what) const {
  return Status(Code::kResourceExhausted,
                identity_ + " has " + std::to_string(there) + " " + std::string(of_what) + ", " +
                    std::string(bound) + " of rule \"" + rule_ + "\" is " + std::to_string(most),
                "BUDGET");
}

Status Account::CheckSession() const {
  const std::uint64_t most = budget_.max_sessions;
  if (most == 0 || used.sessions < most) return {};
  return Exhausted("max_sessions", most, used.sessions, "sessions");
}

Status Account::CheckCallback() const {
  const std::uint64_t most = budget_.max_callbacks;
  if (most == 0 || used.callbacks < most) return {};
  return Exhausted("max_callbacks", most, used.callbacks, "callbacks");
}

Status Account::CheckHandle() const {
  const std::uint64_t most = budget_.max_handles;
  if (most == 0 || used.handles < most) return {};
  return Exhausted("max_handles", most, used.handles, "handles");
}

Status Account::CheckCall(std::uint64_t payload_bytes, const base::Clock& clock) {
  if (const std::uint64_t most = budget_.max_calls_in_flight;
      most != 0 && used.calls_in_flight >= most) {
    return Exhausted("max_calls_in_flight", most, used.calls_in_flight, "calls in flight");
  }
  if (const std::uint64_t most = budget_.max_queued_bytes;
      most != 0 && used.queued_bytes + payload_bytes > most) {
    return Exhausted("max_queued_bytes", most, used.queued_bytes + payload_bytes,
                     "bytes in calls, with this one");
  }
  if (budget_.calls_per_second == 0 || TakeTurn(clock.MonotonicNs())) return {};
  return Status(Code::kResourceExhausted,
                identity_ + " begins more calls than calls_per_second of rule \"" + rule_ +
                    "\" lets it, " + std::to_string(budget_.calls_per_second),
                "BUDGET");
}

bool Account::TakeTurn(std::int64_t now_ns) {
  const auto rate = static_cast<double>(budget_.calls_per_second);
  const auto passed_ns = static_cast<double>(now_ns - std::exchange(turns_ns_, now_ns));
  turns_ = std::min(rate, turns_ + passed_ns * rate / kNsPerSecond);
  if (turns_ < 1) return false;
  turns_ -= 1;
  return true;
}

}  // namespace belay::daemon
