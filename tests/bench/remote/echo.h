// An echo on the far side of a broker, as the rows use it: Belay's, the bare forwarder's and the peers', so
// that a row is one piece of code.
//
// Three processes take part: the caller, which is this one and measures; the broker; and the host, which
// answers each call with what it was sent. A call that fails, or is answered with anything else, ends the
// process with status 2: there is no figure for what did not work.
//
// Thread safety: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace belay::bench {

inline constexpr std::size_t kPayloadBytes = 64;
inline constexpr std::string_view kPayload =
    "sixty-four bytes that go to the host and come back as they were.";
static_assert(kPayload.size() == kPayloadBytes);

class Echo {
 public:
  virtual ~Echo() = default;

  // Makes `calls` calls, `in_flight` of them at any time as long as there are as many left. Returns when all
  // are answered. REQUIRES: 0 < in_flight <= calls.
  virtual void Call(int in_flight, int calls) = 0;
  // Makes one call and waits for its answer, in the way that the library has for it.
  virtual void CallOnce() = 0;
};

[[noreturn]] inline void GiveUp(std::string_view who, std::string_view why) {
  std::fprintf(stderr, "bench: %.*s: %.*s\n", static_cast<int>(who.size()), who.data(),
               static_cast<int>(why.size()), why.data());
  std::exit(2);
}

inline void CheckAnswer(std::string_view who, std::string_view answer) {
  if (answer != kPayload) GiveUp(who, "the echo is not what was sent");
}

}  // namespace belay::bench
