#include "tests/bench/shim.h"

belay_status shim_invoke(belay_callback_fn function, void* context, belay_call* call) {
  return function(context, call);
}
