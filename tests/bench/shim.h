/* What a guarded call is measured against: a shared library that calls the pointer it is given. */
#ifndef BELAY_TESTS_BENCH_SHIM_H
#define BELAY_TESTS_BENCH_SHIM_H

#include <belay/belay.h>

#ifdef __cplusplus
extern "C" {
#endif

belay_status shim_invoke(belay_callback_fn function, void* context, belay_call* call);

#ifdef __cplusplus
}
#endif
#endif
