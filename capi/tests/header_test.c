/* belay.h is C11 and may be included twice; a C program links the shared library and nothing else. */
#include <belay/belay.h>
#include <stdio.h>
#include <string.h>

static int g_released;

static belay_status Shout(void* context, belay_call* call) {
  char reply[64];
  int length = snprintf(reply, sizeof reply, "%s %.*s!", (const char*)context,
                        (int)call->request_size, (const char*)call->request);
  return belay_call_reply(call, reply, (uint64_t)length);
}

static void Release(void* context) {
  (void)context;
  g_released = 1; /* read after belay_close, which orders it */
}

int main(void) {
  belay_handle broker = 0;
  belay_handle callback = 0;
  belay_callback_options options = {0};
  belay_call call = BELAY_CALL_INIT;
  char reply[64];
  if (belay_abi_version() != BELAY_ABI_VERSION) return 1;
  if (strcmp(belay_status_name(BELAY_STALE), "STALE") != 0) return 2;
  if (belay_open(NULL, &broker) != BELAY_OK) return 3;
  options.struct_size = sizeof options;
  options.callback = Shout;
  options.context = "hello";
  options.release = Release;
  if (belay_register(broker, &options, &callback) != BELAY_OK) return 4;
  call.request = "world";
  call.request_size = 5;
  call.reply = reply;
  call.reply_capacity = sizeof reply;
  if (belay_invoke(callback, &call) != BELAY_OK) return 5;
  if (call.reply_size != 12 || memcmp(reply, "hello world!", 12) != 0) return 6;
  if (belay_release(callback) != BELAY_OK) return 7;
  if (belay_close(broker, 60000) != BELAY_OK) return 8;
  if (!g_released) return 9;
  puts("ok");
  return 0;
}
