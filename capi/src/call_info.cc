// What a callback can learn of the call it was given.
#include "broker/registry/pin.h"
#include "capi/src/call.h"
#include "capi/src/guard.h"

using belay::base::Code;
using belay::registry::AsyncCall;
using belay::registry::CallOfThread;
using belay::registry::InnermostCall;
using namespace belay::capi;

namespace {

// Null for a call whose struct is its caller's own. A box begins with the view.
const BoxedCall* BoxAround(const belay_call* call) noexcept {
  return (call->flags & kBoxedFlag) == 0 ? nullptr : reinterpret_cast<const BoxedCall*>(call);
}

const AsyncCall* SubmittedCall(const belay_call* call) noexcept {
  const BoxedCall* const box = BoxAround(call);
  return box == nullptr ? nullptr : box->submitted;
}

}  // namespace

extern "C" {

int32_t belay_call_cancelled(const belay_call* call) {
  if (call == nullptr || call->struct_size < sizeof(belay_call)) return 0;
  const AsyncCall* const submitted = SubmittedCall(call);
  return submitted != nullptr && submitted->cancelled() ? 1 : 0;
}

belay_status belay_call_info(const belay_call* call, belay_call_details* details) {
  return Guarded([&] {
    if (call == nullptr || call->struct_size < sizeof(belay_call))
      return InvalidArgument("call is null, or its struct_size too small");
    if (details == nullptr || details->struct_size < sizeof(belay_call_details))
      return InvalidArgument("details is null, or its struct_size too small");
    const AsyncCall* const submitted = SubmittedCall(call);
    const CallOfThread here = InnermostCall();
    belay_call_details filled{};
    if (submitted != nullptr) {
      filled.id = submitted->id();
      filled.parent_id = submitted->request.parent_id;
      filled.cancelled = submitted->cancelled() ? 1 : 0;
      filled.depth = here.id == filled.id ? here.depth : 0;
    } else if (here.id != 0) {
      filled.id = here.id;
      filled.parent_id = here.parent_id;
      filled.depth = here.depth;
    } else {
      return Fail(Code::kFailedPrecondition, "the calling thread is inside no call");
    }
    filled.deadline_ns = call->deadline_ns;
    filled.trace_high = call->trace_high;
    filled.trace_low = call->trace_low;
    filled.caller = call->caller;
    Store(filled, details, details->struct_size);
    return BELAY_OK;
  });
}
}
