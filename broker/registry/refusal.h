// The words in which the registry says no: what was wrong with a handle, and what to do.
//
// Thread safety: any thread.
#pragma once

#include <string>
#include <string_view>

#include "broker/base/status.h"
#include "broker/registry/callback.h"
#include "broker/registry/handle.h"
#include "broker/registry/owner.h"

namespace belay::registry {

// A handle that leads to no live object: STALE, with what is remembered of its end, MALFORMED, or CLOSED in
// a fork. This and the next two are misuse, and do what its policy says (misuse.h).
// REQUIRES: no lock is held.
base::Status NoObject(Handle handle);
// REQUIRES for both: the caller has pinned the handle, and holds no lock.
base::Status WrongKind(Handle handle, std::string_view wanted);
base::Status Misused(Handle handle, base::Status status);
// As NoObject, without consequences.
base::Status Explained(Handle handle);
// RECURSION_LIMIT: the thread is in as many calls as it may be.
base::Status TooDeep();
// RESOURCE_EXHAUSTED: the owner has all the `what` that its budget allows.
base::Status OverBudget(const Owner& owner, std::string_view what, std::uint64_t most);
// Why its breaker refuses calls. REQUIRES: it has been quarantined.
base::Status Quarantined(const Callback& callback, std::int64_t now_ns);
// REQUIRES for both: the registry's mutex is held.
// Why the callback refuses whatever is asked of it; OK if it is live.
base::Status DeadCallback(const Callback& callback);
// Why it refuses calls; OK if it does not, or the next one would be its breaker's probe.
base::Status RefusesCalls(const Callback& callback, std::int64_t now_ns);
// PERMISSION_DENIED, naming the first missing right.
base::Status MissingRight(const Callback& callback, std::uint32_t missing);

}  // namespace belay::registry
