// Replies and failures of calls, kept beside their belay_call (I3), and the belay_calls of submitted calls.
//
// Thread safety: a belay_call belongs to the thread of the call.
#pragma once

#include <cstdint>
#include <string>

#include "belay/belay.h"
#include "broker/registry/call.h"
#include "broker/registry/callback.h"

namespace belay::capi {

// How a callback is called from bytes, by hooks and by other processes.
base::Status CallWithBytes(belay_callback_fn function, void* context,
                           const registry::Request& request, std::string* reply);

// The call as its callback sees it, when a caller's own struct is not there: `flags` say so.
struct BoxedCall {
  belay_call view;
  const registry::AsyncCall* submitted;  // null: made from bytes on the caller's thread
};
inline constexpr std::uint32_t kBoxedFlag = 1;

// A call without a buffer for its reply: whatever that is, it is kept.
BoxedCall BoxOf(const registry::Request& request) noexcept;
// The callback's answer to a boxed call that it ended with `returned`; what was kept is gone then.
base::Status TakeAnswer(BoxedCall& boxed, belay_status returned, std::string* reply);

// A request of what the caller says in `call`, but for its bytes.
registry::Request RequestOf(const belay_call& call);
// Why `call` cannot be made, or OK.
base::Status CheckCall(const belay_call* call);

}  // namespace belay::capi
