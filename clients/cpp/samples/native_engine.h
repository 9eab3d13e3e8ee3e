/* native_engine.h: stands for somebody else's native library, such as an engine or a driver.
 *
 * It is handed callbacks, keeps them, and calls them later from a thread of its own. That is where
 * programs usually crash: the closure is gone by then. Here the engine holds a reference of its own, so
 * the closure lives until the engine lets go, and no longer.
 *
 * Thread safety: one engine, one caller at a time.
 */
#ifndef BELAY_SAMPLES_NATIVE_ENGINE_H
#define BELAY_SAMPLES_NATIVE_ENGINE_H

#include <belay/belay.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Calls a callback of signature i64(i64) at once, on this thread. The usual `callable_from_c`. */
belay_status engine_call_now(belay_handle callback, int64_t argument, int64_t* result);

/* Keeps two callbacks, i64(i64) and void(bool), and returns. A thread of the engine's calls the first
 * `times` times, then the second with true, then lets both go. The usual `outer_func(inner_func)`. */
belay_status engine_start(belay_handle step, belay_handle finished, int32_t times);

/* Waits for that thread. */
void engine_join(void);

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* BELAY_SAMPLES_NATIVE_ENGINE_H */
