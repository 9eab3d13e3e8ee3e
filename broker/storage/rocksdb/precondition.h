// Whether an operation's precondition holds for what the key is now.
//
// Thread safety: pure function.
#pragma once

#include <string>
#include <string_view>

#include "broker/base/status.h"
#include "broker/storage/write_batch.h"

namespace belay::storage {

// `mod_revision`: null if the key does not exist. `value`: of an existing key, if it matters.
inline base::Status CheckPrecondition(const Operation& operation, const Revision* mod_revision,
                                      std::string_view value) {
  const auto refuse = [&](std::string what, const char* reason) {
    return base::Status(base::Code::kAborted, "key " + QuoteKey(operation.key) + what, reason);
  };
  const auto changed = [&] { return "last changed at revision " + std::to_string(*mod_revision); };
  if (operation.seen_revision &&
      *operation.seen_revision != (mod_revision != nullptr ? *mod_revision : 0)) {
    return refuse(" has changed since it was looked at", "CHANGED_MEANWHILE");
  }
  switch (operation.precondition) {
    case Precondition::kNone: return {};
    case Precondition::kAbsent:
      if (mod_revision == nullptr) return {};
      return refuse(" exists, " + changed(), "KEY_EXISTS");
    case Precondition::kRevision:
      if (mod_revision != nullptr && *mod_revision == operation.if_revision) return {};
      return refuse(" should have been last changed at revision " +
                        std::to_string(operation.if_revision) + ", and " +
                        (mod_revision != nullptr ? "was " + changed() : "does not exist"),
                    "REVISION_MISMATCH");
    case Precondition::kValue:
      if (mod_revision != nullptr && value == operation.if_value) return {};
      return refuse(mod_revision != nullptr ? " has another value, " + changed()
                                            : std::string(" does not exist"),
                    "VALUE_MISMATCH");
  }
  return base::Status(base::Code::kInternal, "unknown precondition");
}

}  // namespace belay::storage
