// RefusalLog: a line for what was refused, but not a line for each of a flood; and a count of all.
//
// Of each rule one line a second at most; the next one tells how many were left out. So a log can neither
// be filled by an attacker nor hide the other rules' refusals.
//
// Thread safety: Refused() may be called from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/clock.h"
#include "broker/registry/registry.h"

namespace belay::daemon {

class RefusalLog {
 public:
  // REQUIRES: `clock` outlives this.
  RefusalLog(registry::LogFunction log, const base::Clock& clock)
      : log_(std::move(log)), clock_(clock) {}

  // `rule`: of a bounded set, as something is kept for each. `why` names the bound. If a line was due, how many
  // refusals it tells of.
  std::optional<std::uint64_t> Refused(std::string_view rule, std::string_view peer,
                                       std::string_view why);

  // How many there were of each rule, by the alphabet.
  std::vector<std::pair<std::string, std::uint64_t>> Counts() const;

 private:
  struct Rule {
    std::int64_t next_line_ns = INT64_MIN;
    std::uint64_t left_out = 0;
    std::uint64_t refused = 0;
  };

  const registry::LogFunction log_;
  const base::Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Rule, std::less<>> rules_;
};

}  // namespace belay::daemon
