// What the library owes a program: runs of release functions, of drain notices and of completions, and how
// often each has come.
//
// Invariants, each told to the Alarm when it does not hold
//   - R3: a release function, a notice or a completion runs at most once; how often at least is settled later.
//   - R5: a release function does not run before its callback is free.
//   - R7: a drain notice does not run before its callback's release function.
//
// Thread safety: the functions that the library calls are for any thread; so is the Alarm. The plain members
// are written by the program's thread before the library can know of the thing, or after it has run.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "belay/belay.h"
#include "tests/model/programs/model.h"

namespace belay::programs {

class Runner;

// The first thing that went wrong on whatever thread. Text is static.
class Alarm {
 public:
  void Raise(const char* text) {
    const char* none = nullptr;
    (void)text_.compare_exchange_strong(none, text, std::memory_order_acq_rel);
  }
  const char* text() const { return text_.load(std::memory_order_acquire); }
  void Clear() { text_.store(nullptr, std::memory_order_release); }

 private:
  std::atomic<const char*> text_{nullptr};
};

// Something that is to run, mostly once.
struct Due {
  explicit Due(Alarm& due_alarm) : alarm(due_alarm) {}

  // Counts one run. release: what ran is done when somebody has read the count.
  void Ran(const char* twice) {
    if (runs.fetch_add(1, std::memory_order_acq_rel) != 0) alarm.Raise(twice);
  }
  bool HasCome() const { return runs.load(std::memory_order_acquire) >= least; }
  bool IsRight() const { return HasCome() && runs.load(std::memory_order_acquire) <= most; }

  Alarm& alarm;
  std::atomic<int> runs{0};
  // A program that lets a callback's context go lowers it while notices of earlier ones run.
  std::atomic<int> least{1};
  int most = 1;
};

// Of a callback.
struct Context : Due {
  static constexpr std::uint64_t kMagic = 0xb31a'0c0d'e5ca'11ed;
  Context(Alarm& due_alarm, Runner* its_runner, Id its_id, Place its_place)
      : Due(due_alarm), runner(its_runner), id(its_id), place(its_place) {}

  static void Release(void* context);
  // belay_callback_fn of all callbacks; the reply is the request.
  static belay_status Call(void* context, belay_call* call);
  // Signature "i64(i64)".
  static std::int64_t Typed(void* context, std::int64_t argument);

  std::uint64_t magic = kMagic;
  Runner* runner;  // on whose thread it runs, if inline or on a queue
  Id id;
  Place place;
  std::atomic<bool> may_be_released{false};
};

// Of a drain notice.
struct Notice : Due {
  Notice(Alarm& due_alarm, const Context& its_context) : Due(due_alarm), context(its_context) {}
  static void Run(void* notice);
  const Context& context;
};

// Of a completion.
struct Completion : Due {
  using Due::Due;
  static void Run(void* completion, const belay_outcome* outcome);
  belay_completion AsOption();
  std::atomic<belay_status> status{BELAY_OK};
  std::uint64_t call_id = 0;
  Id ticket = kNone;               // in the model, whose outcome it must be; or
  belay_status wanted = BELAY_OK;  // one of these two
  belay_status or_wanted = BELAY_OK;
};

// All that is due to one program.
struct Dues {
  std::deque<Context> contexts;
  std::deque<Notice> notices;
  std::deque<Completion> completions;

  // True if everything has run at least as often as it must.
  bool HaveCome() const;
  // What has not run as often as it must, or ended otherwise than it must.
  std::optional<std::string> Wrong() const;
};

}  // namespace belay::programs
