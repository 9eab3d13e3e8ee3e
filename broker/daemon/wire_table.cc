#include "broker/daemon/wire_table.h"

#include <string>

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;

Result<WireTable::Entry*> WireTable::Find(std::uint64_t number) {
  if (const auto found = entries_.find(number); found != entries_.end()) return &found->second;
  const std::string text = "handle " + std::to_string(number);
  if (number != 0 && number <= last_) {
    return Status(Code::kStale, text + " of this session was released");
  }
  return Status(Code::kMalformed, text + " was never given out in this session");
}

Result<WireTable::Entry*> WireTable::FindCallback(std::uint64_t number) {
  auto found = Find(number);
  if (found.ok() && (*found)->is_watch) {
    return Status(Code::kWrongKind,
                  "handle " + std::to_string(number) + " is a watch, not a callback");
  }
  return found;
}

}  // namespace belay::daemon
