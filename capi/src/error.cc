// The thread's last error, and names of status codes.
#include <pthread.h>

#include "belay/belay.h"
#include "capi/src/guard.h"

namespace belay::capi {
namespace {

struct LastError {
  belay_status status = BELAY_OK;
  std::string reason;
  std::string message;
};

// Behind a pointer of the thread's: the library's static TLS must stay small, for it is loaded by dlopen
// where little of it is left.
class LastErrors {
 public:
  LastErrors() {
    pthread_key_create(&key_, [](void* error) { delete static_cast<LastError*>(error); });
  }
  LastError* Find() const { return static_cast<LastError*>(pthread_getspecific(key_)); }
  LastError* FindOrMake() const {
    if (LastError* found = Find()) return found;
    auto* made = new LastError;
    pthread_setspecific(key_, made);
    return made;
  }

 private:
  pthread_key_t key_{};
};

const LastErrors& Errors() {
  static const LastErrors* const errors =
      new LastErrors;  // never destroyed: threads may outlive statics
  return *errors;
}

}  // namespace

belay_status Fail(base::Code code, std::string_view message, std::string_view reason) noexcept {
  try {
    LastError& error = *Errors().FindOrMake();
    error.status = static_cast<belay_status>(code);
    error.reason = reason.empty() ? base::CodeName(code) : reason;
    error.message = message;
  } catch (const std::bad_alloc&) {
    // The code itself is still told; there is no memory for its text.
  }
  return static_cast<belay_status>(code);
}

belay_status Fail(const base::Status& status) noexcept {
  return Fail(status.code(), status.message(), status.reason());
}

}  // namespace belay::capi

extern "C" {

uint32_t belay_abi_version(void) { return BELAY_ABI_VERSION; }

const char* belay_version(void) { return "0.1.0"; }

const char* belay_status_name(belay_status status) {
  return belay::base::CodeName(static_cast<belay::base::Code>(status))
      .data();  // literals: NUL-terminated
}

belay_status belay_last_error(belay_error* error) {
  constexpr std::size_t kLeast = sizeof(belay_error);
  if (error == nullptr || error->struct_size < kLeast) return BELAY_INVALID_ARGUMENT;
  const belay::capi::KeepErrno keep_errno;
  const auto* last = belay::capi::Errors().Find();
  belay_error filled{};
  filled.status = last == nullptr ? BELAY_OK : last->status;
  filled.reason = last == nullptr ? "OK" : last->reason.c_str();
  filled.message = last == nullptr ? "" : last->message.c_str();
  belay::capi::Store(filled, error, error->struct_size);
  return BELAY_OK;
}
}
