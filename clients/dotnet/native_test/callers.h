/* callers.h: native threads that invoke, pin and release callbacks, for the C# tests.
 *
 * Every function starts threads that the .NET runtime has never seen, which is what native code does to it.
 *
 * Thread safety: callers_stop once for each callers_start; the rest from any thread.
 */
#ifndef BELAY_DOTNET_CALLERS_H
#define BELAY_DOTNET_CALLERS_H

#include <stdint.h>

#include "belay/belay.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What callers did. Each of the callbacks must answer an 8-byte request with request + its own index. */
typedef struct callers_totals {
  uint64_t answered; /* calls that ran and answered right */
  uint64_t
      refused; /* calls refused because the handle or callback had ended, as it may at any time */
  uint64_t wrong; /* wrong answers and statuses: 0, or something is broken */
  int32_t first_wrong_status;
  uint32_t reserved;
} callers_totals;

typedef struct callers callers;

/* Starts `threads` threads that invoke handles[i] (of the callback with index i) at random until stopped. `handles` is
 * copied. Null if there are no threads. */
callers* callers_start(const belay_handle* handles, uint64_t count, uint32_t threads,
                       uint64_t seed);

/* Returns once `calls` calls have been made since the start. */
void callers_await(callers* self, uint64_t calls);

/* Stops and joins the threads, fills `totals`, frees. */
void callers_stop(callers* self, callers_totals* totals);

/* Releases the handles, spread over `threads` new threads, and joins these. Returns how many said BELAY_OK. */
uint64_t callers_release(const belay_handle* handles, uint64_t count, uint32_t threads);

/* One belay_invoke on a new thread. */
belay_status callers_invoke(belay_handle callback, const void* request, uint64_t request_size,
                            void* reply, uint64_t reply_capacity, uint64_t* reply_size);

/* On a new thread: pins an i64(i64) callback, calls it with 0..times-1, unpins; *sum is the sum of the results. */
belay_status callers_sum(belay_handle callback, int64_t times, int64_t* sum);

/* Calls a function that is already pinned: inner(context, true), inner(context, false), on a new thread. */
void outer_func(void (*inner)(void* context, uint8_t value), void* context);

/* Calls a pinned i64(i64) function on this thread `times` times; returns the last result. */
int64_t callers_direct(int64_t (*function)(void* context, int64_t value), void* context,
                       int64_t times);

/* Registers an echo callback written in C++ under `owner`: it answers with its request. */
belay_status callers_register_echo(belay_handle owner, belay_handle* callback);

/* What the header's structs look like to C: size of each and offset of its last field, in the order of
 * callers.cc. Returns how many pairs there are; writes at most `capacity` of them. */
uint64_t callers_layout(uint64_t* pairs, uint64_t capacity);

#ifdef __cplusplus
}
#endif
#endif /* BELAY_DOTNET_CALLERS_H */
