// Replies and failures of in-process calls, kept beside the caller's belay_call (I3).
//
// Thread safety: a belay_call belongs to the thread of the call.
#pragma once

#include <string>

#include "belay/belay.h"
#include "broker/registry/callback.h"

namespace belay::capi {

// How a callback is called from bytes, by hooks and by other processes.
base::Status CallWithBytes(belay_callback_fn function, void* context,
                           const registry::Request& request, std::string* reply);

}  // namespace belay::capi
