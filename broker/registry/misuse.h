// What a program gets that uses a handle wrongly: a code, a line with a stack, or an end (R19).
//
// Misuse is the use of a handle that is stale, of another kind than the call takes, or no handle at all. Whose
// policy holds: that of the owner who holds the handle, or held it when it died; if nobody knows any more
// whose it was, the strictest of the open registries' own.
//
// Thread safety: any thread. REQUIRES: no lock is held, for the log is user code (R8).
#pragma once

#include "broker/base/status.h"
#include "broker/registry/graveyard.h"
#include "broker/registry/owner.h"

namespace belay::registry {

// Returns `status`, or does not return. The log must not call Belay; if it does, and misuses a handle,
// that is not told.
base::Status ApplyMisusePolicy(Graveyard& graveyard, MisusePolicy policy, base::Status status);

}  // namespace belay::registry
