// RefusalLog: a line for what was refused, but not a line for each of a flood.
//
// Of each rule one line a second at most; the next one tells how many were left out. So a log can neither
// be filled by an attacker nor hide the other rules' refusals.
//
// Thread safety: Refused() may be called from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "broker/base/clock.h"
#include "broker/registry/registry.h"

namespace belay::daemon {

class RefusalLog {
 public:
  // REQUIRES: `clock` outlives this.
  RefusalLog(registry::LogFunction log, const base::Clock& clock)
      : log_(std::move(log)), clock_(clock) {}

  // `rule`: of a fixed set, as one line is kept for each. `why` names the bound.
  void Refused(std::string_view rule, std::string_view peer, std::string_view why);

 private:
  struct Rule {
    std::int64_t next_line_ns = INT64_MIN;
    std::uint64_t left_out = 0;
  };

  const registry::LogFunction log_;
  const base::Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Rule, std::less<>> rules_;
};

}  // namespace belay::daemon
