// What belayctl's exit codes mean, for scripts.
//
//   0   done, or yes
//   1   a negative answer: no such handle, key or name; not serving
//   2   the command line was wrong
//   3   there is no belayd at the endpoint
//   4   it refused us
//   64+ any other status: 64 plus its code (68: deadline exceeded, 96: stale handle, ...)
#pragma once

#include "belay/client/status.h"

namespace belay::ctl {

inline constexpr int kExitOk = 0;
inline constexpr int kExitNegative = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitUnreachable = 3;
inline constexpr int kExitDenied = 4;
inline constexpr int kExitStatus = 64;

inline int ExitCodeOf(const client::Status& status) {
  using client::Code;
  if (status.ok()) return kExitOk;
  if (status.reason == client::kConnectionFailed) return kExitUnreachable;
  switch (status.code) {
    case Code::kNotFound: return kExitNegative;
    case Code::kPermissionDenied:
    case Code::kUnauthenticated: return kExitDenied;
    default: break;
  }
  const int code = static_cast<int>(status.code);
  // A process has 8 bits to say it with.
  return code > 0 && code < 128 ? kExitStatus + code
                                : kExitStatus + static_cast<int>(Code::kUnknown);
}

}  // namespace belay::ctl
