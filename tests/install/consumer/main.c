/* A C program against the installed libbelay: one callback, called once, released once. */
#include <belay/belay.h>
#include <stdio.h>
#include <string.h>

static int calls;
static int releases;

static belay_status Echo(void* context, belay_call* call) {
  ++*(int*)context;
  return belay_call_reply(call, call->request, call->request_size);
}

static void Release(void* context) {
  (void)context;
  ++releases;
}

#define MUST(call)                                          \
  do {                                                      \
    belay_status status = (call);                           \
    if (status != BELAY_OK) {                               \
      printf("%s: %s\n", #call, belay_status_name(status)); \
      return 1;                                             \
    }                                                       \
  } while (0)

int main(void) {
  belay_handle broker, callback;
  belay_callback_options options;
  belay_call call = BELAY_CALL_INIT;
  char reply[8];

  if (belay_abi_version() != BELAY_ABI_VERSION) return 1;
  MUST(belay_open(0, &broker));

  memset(&options, 0, sizeof options);
  options.struct_size = (uint32_t)sizeof options;
  options.callback = Echo;
  options.context = &calls;
  options.release = Release;
  MUST(belay_register(broker, &options, &callback));

  call.request = "belay";
  call.request_size = 5;
  call.reply = reply;
  call.reply_capacity = sizeof reply;
  MUST(belay_invoke(callback, &call));
  MUST(belay_release(callback));
  MUST(belay_close(broker, 10000));

  if (calls != 1 || releases != 1 || call.reply_size != 5 || memcmp(reply, "belay", 5) != 0) {
    printf("calls %d, releases %d, reply of %d bytes\n", calls, releases, (int)call.reply_size);
    return 1;
  }
  printf("belay %s: called once, released once\n", belay_version());
  return 0;
}
