/* A store in C: writes under the eyes of a validator and a watch until it is killed, then finds everything.
 *   store FOLDER write   prints each key once it was committed, and goes on until it is killed
 *   store FOLDER check   reads keys from standard input; exit 0 if all are there */
#include <belay/belay.h>
#include <stdio.h>
#include <string.h>

static void Must(belay_status status, const char* what) {
  if (status == BELAY_OK) return;
  belay_error error = {.struct_size = sizeof error};
  belay_last_error(&error);
  fprintf(stderr, "%s: %s\n", what, error.message);
  _Exit(1);
}

/* The rule: no value is empty. */
static belay_status Validate(void* context, belay_call* call) {
  belay_row row = {.struct_size = sizeof row};
  for (uint64_t at = 0; belay_rows_next(call->request, call->request_size, &at, &row) == BELAY_OK;)
    if (row.value_size == 0) return belay_call_fail(call, context);
  return BELAY_OK;
}

static belay_status Print(void* context, belay_call* call) {
  belay_row row = {.struct_size = sizeof row};
  for (uint64_t at = 0; belay_rows_next(call->request, call->request_size, &at, &row) == BELAY_OK;)
    fprintf(context, "%.*s\n", (int)row.key_size, (const char*)row.key);
  return fflush(context) == 0 ? BELAY_OK : BELAY_CALLBACK_FAILED;
}

static belay_handle Register(belay_handle broker, belay_callback_fn callback, void* context) {
  belay_handle handle = 0;
  belay_callback_options options = {
      .struct_size = sizeof options, .callback = callback, .context = context};
  Must(belay_register(broker, &options, &handle), "register");
  return handle;
}

static void Write(belay_handle broker, belay_handle store) {
  char text[] = "the value is empty";
  belay_handle validator = 0, watch = 0;
  belay_validator_options rule = {.struct_size = sizeof rule,
                                  .callback = Register(broker, Validate, text)};
  belay_watch_options news = {.struct_size = sizeof news,
                              .callback = Register(broker, Print, stdout)};
  Must(belay_validator_attach(store, &rule, &validator), "validate");
  Must(belay_watch_attach(store, &news, &watch), "watch");
  if (belay_store_put(store, "bad", 3, "", 0, NULL, NULL) != BELAY_FAILED_PRECONDITION) _Exit(2);
  for (unsigned i = 0;; ++i) {
    char key[32];
    const uint64_t size = (uint64_t)snprintf(key, sizeof key, "key-%u", i);
    Must(belay_store_put(store, key, size, key, size, NULL, NULL), "put");
  }
}

int main(int argc, char** argv) {
  belay_handle broker = 0, store = 0;
  char key[32], value[32];
  uint64_t size = 0;
  belay_broker_options options = {.struct_size = sizeof options,
                                  .store_path = argc == 3 ? argv[1] : ""};
  Must(belay_open(&options, &broker), "open");
  Must(belay_store_open(broker, &store), "store");
  if (strcmp(argv[argc - 1], "write") == 0) Write(broker, store);
  while (scanf("%31s", key) == 1) {
    Must(belay_store_get(store, key, strlen(key), value, sizeof value, &size, NULL), key);
    if (size != strlen(key) || memcmp(key, value, size) != 0) return 3;
  }
  if (belay_store_get(store, "bad", 3, value, sizeof value, &size, NULL) != BELAY_NOT_FOUND)
    return 4;
  return belay_close(broker, 10000);
}
