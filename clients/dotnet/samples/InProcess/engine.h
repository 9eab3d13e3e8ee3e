/* engine.h: somebody else's native code, as far as this sample is concerned: it stores functions that it is given, calls
 * them later from a thread of its own, and lets them go.
 *
 * Instead of a bare function pointer it takes a Belay handle. That is all it does differently from code that crashes.
 *
 * Thread safety: any function from any thread; engine_stop once, last.
 */
#ifndef BELAY_SAMPLES_ENGINE_H
#define BELAY_SAMPLES_ENGINE_H

#include <stdint.h>

#include "belay/belay.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct engine engine;

/* Starts an engine with one thread of its own. Null if there is no memory or thread for it. */
engine* engine_start(void);

/* Stores an i64(i64) function, in place of an earlier one. The engine gets a handle of its own: the caller's may be
 * released at once. Returns what Belay said. */
belay_status engine_store_transform(engine* self, belay_handle callback);

/* Stores a void(bool) function: told true when a run begins and false when it ends. Otherwise as above. */
belay_status engine_store_listener(engine* self, belay_handle callback);

/* Asks the engine's thread to apply the transform to 1..last and returns at once. */
void engine_run(engine* self, int64_t last);

/* Waits until what was asked for is done. Returns the sum of the results of the last run. */
int64_t engine_wait(engine* self);

/* Lets go of both functions. */
void engine_let_go(engine* self);

/* Stops the thread, lets go, and frees the engine. Null is harmless. */
void engine_stop(engine* self);

#ifdef __cplusplus
}
#endif
#endif /* BELAY_SAMPLES_ENGINE_H */
