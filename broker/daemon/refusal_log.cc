#include "broker/daemon/refusal_log.h"

#include <utility>

namespace belay::daemon {

namespace {

constexpr std::int64_t kBetweenLinesNs = 1'000'000'000;

}  // namespace

std::optional<std::uint64_t> RefusalLog::Refused(std::string_view rule, std::string_view peer,
                                                 std::string_view why) {
  const std::int64_t now_ns = clock_.MonotonicNs();
  std::uint64_t left_out = 0;
  {
    const std::lock_guard lock(mutex_);
    Rule& state = rules_.try_emplace(std::string(rule)).first->second;
    ++state.refused;
    if (now_ns < state.next_line_ns) {
      ++state.left_out;
      return std::nullopt;
    }
    state.next_line_ns = now_ns + kBetweenLinesNs;
    left_out = std::exchange(state.left_out, 0);
  }
  std::string text = "connection from ";
  text.append(peer).append(" refused by rule ").append(rule).append(": ").append(why);
  if (left_out != 0)
    text += " (and " + std::to_string(left_out) + " more by this rule since its last line)";
  if (log_) log_(registry::LogLevel::kWarning, text);
  return left_out + 1;
}

std::vector<std::pair<std::string, std::uint64_t>> RefusalLog::Counts() const {
  std::vector<std::pair<std::string, std::uint64_t>> counts;
  const std::lock_guard lock(mutex_);
  for (const auto& [rule, state] : rules_) counts.emplace_back(rule, state.refused);
  return counts;
}

}  // namespace belay::daemon
