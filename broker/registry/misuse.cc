#include "broker/registry/misuse.h"

#include <execinfo.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>

namespace belay::registry {
namespace {

constexpr int kMostFrames = 24;
constexpr int kOwnFrames = 2;  // this function's and its caller's

thread_local constinit bool tls_telling = false;

// "a.out(main+0x1d) [0x5...] < libc.so.6(+0x2...) [0x7...]": innermost first, as far as symbols are exported.
[[gnu::noinline]] std::string CallersStack() {
  std::array<void*, kMostFrames> frames;
  const int count = ::backtrace(frames.data(), kMostFrames);
  const std::unique_ptr<char*, decltype(&std::free)> names(
      ::backtrace_symbols(frames.data(), count), &std::free);
  if (names == nullptr) return "no memory for it";
  std::string stack;
  for (int i = kOwnFrames; i < count; ++i) {
    if (!stack.empty()) stack += " < ";
    stack += names.get()[i];
  }
  return stack;
}

}  // namespace

[[gnu::noinline]] base::Status ApplyMisusePolicy(Graveyard& graveyard, MisusePolicy policy,
                                                 base::Status status) {
  if (policy == MisusePolicy::kReturn || tls_telling) return status;
  tls_telling = true;
  try {
    graveyard.Log(LogLevel::kError, "misuse: " + status.ToString() + "; stack: " + CallersStack());
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): the code is what counts (R6)
  }
  tls_telling = false;
  if (policy == MisusePolicy::kAbort) std::abort();
  return status;
}

}  // namespace belay::registry
