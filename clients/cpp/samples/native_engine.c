/* The native library of the samples; see native_engine.h. */
#define _POSIX_C_SOURCE 200809L /* nanosleep */
#include "clients/cpp/samples/native_engine.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef int64_t (*step_fn)(void* context, int64_t argument);
typedef void (*finished_fn)(void* context, bool value);

static struct {
  pthread_t thread;
  belay_pin_info step; /* a pin keeps function and context valid */
  belay_pin_info finished;
  int32_t times;
} engine;

static belay_status pin(belay_handle callback, const char* signature, belay_pin_info* info) {
  memset(info, 0, sizeof(*info));
  info->struct_size = (uint32_t)sizeof(*info);
  return belay_pin(callback, signature, info);
}

belay_status engine_call_now(belay_handle callback, int64_t argument, int64_t* result) {
  belay_pin_info info;
  belay_status status = pin(callback, "i64(i64)", &info);
  if (status != BELAY_OK) return status; /* gone, or of another type: an answer, not a crash */
  *result = ((step_fn)info.function)(info.context, argument);
  return belay_unpin(info.pin);
}

static void* run(void* unused) {
  (void)unused;
  const struct timespec pause = {0, 50 * 1000 * 1000};
  for (int32_t i = 1; i <= engine.times; ++i) {
    nanosleep(&pause, NULL);
    const int64_t result = ((step_fn)engine.step.function)(engine.step.context, i);
    printf("   engine's thread: step(%d) = %lld\n", (int)i, (long long)result);
  }
  ((finished_fn)engine.finished.function)(engine.finished.context, true);
  printf("   engine's thread: lets both callbacks go\n");
  belay_unpin(engine.step.pin);
  belay_unpin(engine.finished.pin);
  return NULL;
}

belay_status engine_start(belay_handle step, belay_handle finished, int32_t times) {
  belay_status status = pin(step, "i64(i64)", &engine.step);
  if (status != BELAY_OK) return status;
  status = pin(finished, "void(bool)", &engine.finished);
  if (status != BELAY_OK) {
    belay_unpin(engine.step.pin);
    return status;
  }
  engine.times = times;
  if (pthread_create(&engine.thread, NULL, run, NULL) != 0) {
    belay_unpin(engine.step.pin);
    belay_unpin(engine.finished.pin);
    return BELAY_RESOURCE_EXHAUSTED;
  }
  return BELAY_OK;
}

void engine_join(void) { pthread_join(engine.thread, NULL); }
