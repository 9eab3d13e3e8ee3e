#include "broker/daemon/refusal_log.h"

#include <utility>

namespace belay::daemon {

namespace {

constexpr std::int64_t kBetweenLinesNs = 1'000'000'000;

}  // namespace

void RefusalLog::Refused(std::string_view rule, std::string_view peer, std::string_view why) {
  if (!log_) return;
  const std::int64_t now_ns = clock_.MonotonicNs();
  std::uint64_t left_out = 0;
  {
    const std::lock_guard lock(mutex_);
    Rule& state = rules_.try_emplace(std::string(rule)).first->second;
    if (now_ns < state.next_line_ns) {
      ++state.left_out;
      return;
    }
    state.next_line_ns = now_ns + kBetweenLinesNs;
    left_out = std::exchange(state.left_out, 0);
  }
  std::string text = "connection from ";
  text.append(peer).append(" refused by rule ").append(rule).append(": ").append(why);
  if (left_out != 0)
    text += " (and " + std::to_string(left_out) + " more by this rule since its last line)";
  log_(registry::LogLevel::kWarning, text);
}

}  // namespace belay::daemon
