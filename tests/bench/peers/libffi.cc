// A call through a libffi closure, a function pointer made at run time, against the bare shim: what a
// binding without compiled thunks (ctypes, many a scripting language) pays on the native side alone.
#include <ffi.h>

#include <array>

#include "tests/bench/broker.h"
#include "tests/bench/groups.h"
#include "tests/bench/shim.h"
#include "tests/bench/timing.h"

namespace belay::bench {
namespace {

constexpr int kRounds = 1000;
constexpr int kCallsPerRound = 20'000;

// AnswerNothing, as libffi calls a handler: addresses of the arguments, and of a result of a word at least.
void Handler(ffi_cif*, void* result, void** arguments, void*) {
  (*static_cast<belay_call**>(arguments[1]))->reply_size = 0;
  *static_cast<ffi_sarg*>(result) = BELAY_OK;
}

}  // namespace

void LibffiRows(Report& report) {
  std::array<ffi_type*, 2> arguments{&ffi_type_pointer, &ffi_type_pointer};
  ffi_cif cif;
  void* code = nullptr;
  auto* closure = static_cast<ffi_closure*>(ffi_closure_alloc(sizeof(ffi_closure), &code));
  if (closure == nullptr ||
      ffi_prep_cif(&cif, FFI_DEFAULT_ABI, arguments.size(), &ffi_type_sint32, arguments.data()) !=
          FFI_OK ||
      ffi_prep_closure_loc(closure, &cif, Handler, nullptr, code) != FFI_OK) {
    std::fputs("bench: libffi makes no closure here\n", stderr);
    std::exit(2);
  }
  belay_call call = SmallRequest();
  const auto through = [&call](belay_callback_fn function) {
    return RoundOf(kCallsPerRound, [function, &call] { shim_invoke(function, nullptr, &call); });
  };
  const auto ns = Alternate(kRounds, {through(Opaque(&AnswerNothing)),
                                      through(reinterpret_cast<belay_callback_fn>(code))});
  report.Add(Beside("peer: libffi closure", ns[1], "ns/call", ns[0]));
  ffi_closure_free(closure);
}

}  // namespace belay::bench
