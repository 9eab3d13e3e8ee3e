/* inprocess.c: callbacks within one process, in C. The same story as inprocess.cc.
 *
 * A function with its context is registered, given to a native library that keeps it and calls it later
 * from its own thread, and let go by the program before that. Nothing dangles; the context is freed
 * once, after the last call.
 */
#include <belay/belay.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cpp/samples/native_engine.h"

/* What a closure captures, in a language without closures. */
typedef struct capture {
  const char* name;
  int64_t factor;
} capture;

static capture* capture_new(const char* name, int64_t factor) {
  capture* self = malloc(sizeof(*self));
  if (self == NULL) abort();
  self->name = name;
  self->factor = factor;
  return self;
}

/* The release function: the one place where a capture ends. */
static void capture_release(void* context) {
  capture* self = context;
  printf("   release function: \"%s\" is freed\n", self->name);
  free(self);
}

static int64_t multiply(void* context, int64_t argument) {
  return ((const capture*)context)->factor * argument;
}

static void report(void* context, bool value) {
  printf("   %s(%s)\n", ((const capture*)context)->name, value ? "true" : "false");
}

static void check(belay_status status, const char* what) {
  if (status == BELAY_OK) return;
  belay_error error = {0};
  error.struct_size = (uint32_t)sizeof(error);
  belay_last_error(&error);
  fprintf(stderr, "%s: %s: %s\n", what, belay_status_name(status), error.message);
  exit(1);
}

static belay_handle register_typed(belay_handle owner, const char* signature,
                                   belay_function function, capture* context) {
  belay_callback_options options = {0};
  options.struct_size = (uint32_t)sizeof(options);
  options.signature = signature;
  options.typed = function;
  options.context = context;
  options.release = capture_release;
  options.label = context->name;
  belay_handle callback = 0;
  check(belay_register(owner, &options, &callback), "register");
  return callback;
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  belay_handle broker = 0;
  belay_handle owner = 0;
  check(belay_open(NULL, &broker), "open");
  check(belay_owner_open(broker, "inprocess.c", &owner), "owner");

  printf("1. callable_from_c: a function with a captured factor of 3, called by native code\n");
  belay_handle step =
      register_typed(owner, "i64(i64)", (belay_function)multiply, capture_new("multiply", 3));
  belay_handle finished =
      register_typed(owner, "void(bool)", (belay_function)report, capture_new("finished", 0));
  int64_t result = 0;
  check(engine_call_now(step, 14, &result), "call");
  printf("   multiply(14) = %lld\n", (long long)result);

  printf("2. outer_func(inner_func): the engine keeps both and calls them later\n");
  check(engine_start(step, finished, 3), "start");

  printf("3. meanwhile the program lets go of both\n");
  check(belay_release(step), "release");
  check(belay_release(finished), "release");
  const belay_status stale = engine_call_now(step, 1, &result);
  printf("   using the handle after that: %s, not a crash\n", belay_status_name(stale));

  engine_join();
  printf("4. closing: every context has been freed by the time it returns\n");
  check(belay_close(broker, 5000), "close");
  return stale == BELAY_STALE ? 0 : 1;
}
