// What every group of the in-process suite begins with: a broker, callbacks in it, and calls to make.
//
// Everything goes through the C interface of the shared library, as a program's calls do. An error ends
// the process with status 2: there is no figure for what did not work.
//
// Thread safety: Broker's methods may be called from any thread; the functions are free of state.
#pragma once

#include <belay/belay.h>

#include <cstdio>
#include <cstdlib>

namespace belay::bench {

inline void Check(belay_status status, const char* what) {
  if (status == BELAY_OK) return;
  std::fprintf(stderr, "bench: %s: %s\n", what, belay_status_name(status));
  std::exit(2);
}

// The callback of all rows. It does next to nothing, so that a ratio is about the way there and back.
inline belay_status AnswerNothing(void*, belay_call* call) {
  call->reply_size = 0;
  return BELAY_OK;
}

// A call with 16 bytes for the callback and no room for a reply.
inline belay_call SmallRequest() {
  static constexpr char kRequest[16] = "small request..";
  belay_call call = BELAY_CALL_INIT;
  call.request = kRequest;
  call.request_size = sizeof kRequest;
  return call;
}

// What to register; a program has a handful of distinct labels and sites, whatever its number of callbacks.
inline belay_callback_options Untyped(void* context = nullptr, belay_release_fn release = nullptr) {
  belay_callback_options options{};
  options.struct_size = sizeof options;
  options.callback = AnswerNothing;
  options.context = context;
  options.release = release;
  options.label = "bench";
  options.site = "broker.h:1";
  return options;
}

class Broker {
 public:
  // `options` may be null.
  explicit Broker(const belay_broker_options* options = nullptr) {
    Check(belay_open(options, &handle_), "belay_open");
  }
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;
  // Every release function has run when it returns. REQUIRES: all handles released, or they are reported.
  ~Broker() { Check(belay_close(handle_, 60'000), "belay_close"); }

  belay_handle handle() const { return handle_; }
  belay_handle Register(const belay_callback_options& options) const {
    belay_handle callback = 0;
    Check(belay_register(handle_, &options, &callback), "belay_register");
    return callback;
  }

 private:
  belay_handle handle_ = 0;
};

}  // namespace belay::bench
