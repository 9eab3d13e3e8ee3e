// The world of one fuzzed program: the handles it may name, and the contexts whose release functions are due.
//
// Invariants that hold for every program, and abort the process where they do not
//   - A release function runs exactly once for each context that belay_register took, unless it was dropped by
//     belay_owner_detach; a drain notice exactly once for each BELAY_OK of belay_drain_notify (R3, R7), a
//     completion for each of belay_submit (R18). No call runs after the release function (R5).
//   - Never do more calls of a callback run than its max_concurrency (R10).
//   - A call that fails leaves its out-parameters alone, tells belay_last_error the status that it returns, and
//     keeps errno (I2).
//   - Nothing is BELAY_INTERNAL.
//   - When every handle is released and every broker closed, all of it ends by itself, soon.
//
// Thread safety: a program runs on one thread. Release functions, notices, completions and callbacks that run on
// other threads touch nothing here but their Due.
#pragma once

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "belay/belay.h"
#include "tests/fuzz/host.h"
#include "tests/fuzz/input.h"

namespace belay::fuzz {

class World;

// Prints what was violated and aborts: a crash that the fuzzer keeps the input of.
[[noreturn]] void Violation(const char* invariant, const std::string& text);

// Something of which Belay promised to run a function once: a callback's context, or a drain notice.
struct Due {
  explicit Due(World& due_world) : world(due_world) {}
  // belay_release_fn: what the program chose to do there, then counts.
  static void Run(void* due);
  // belay_completion_fn: the same for the end of a call.
  static void Completed(void* due, const belay_outcome* outcome);

  World& world;
  void Expect(int runs_expected) { least = most = runs_expected; }

  int least =
      0;  // how often it has run in the end, at least and at most; set before the program ends
  int most = 0;
  int runs = 0;  // guarded by the world's mutex
  std::atomic<bool> is_over{false};
  // Of a callback's context.
  bool is_context = false;
  int max_concurrency = 0;  // calls at a time; 0: no bound
  std::atomic<int> running{0};
  // What Run() does with Belay, chosen beforehand: it runs on another thread than the program.
  std::size_t action = 0;
  belay_handle target = 0;
};

// A struct of the ABI in room for a larger one, so that a struct_size that is too large is no lie.
template <typename T>
struct Padded {
  T value{};
  char more[64] = {};
};

class World {
 public:
  // `lent` are handles that the program may name and must not end, of a broker that outlives it.
  World(Input input, std::span<const belay_handle> lent);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Runs the program, then ends everything and checks it.
  void Run();
  // Runs up to `count` operations of it; also from inside callbacks.
  void Step(std::size_t count);

  Input in;

  // --- Arguments ---
  // One of the handles there have been, or 0, or bits that are none, or nearly one.
  belay_handle AnyHandle();
  // As AnyHandle, but preferring handles of a kind.
  belay_handle HandleOf(std::uint32_t kind);
  // True of a lent handle, which the program must not close.
  bool IsLent(belay_handle handle) const;
  // Mostly `full`, the size that a struct has.
  std::uint32_t StructSize(std::size_t full);
  // Waits are short: what is waited for is often the program itself.
  std::uint64_t TimeoutMs() { return in.Below(2); }
  // Null now and then.
  template <typename T>
  T* OrNull(T* pointer) {
    return in.OneIn(32) ? nullptr : pointer;
  }
  // Room that Belay may keep a pointer to until the program ends.
  Due& NewDue() { return dues_.emplace_back(*this); }
  Due& NewContext();
  // All contexts that there are may be dropped from now on.
  void MayDrop();
  // belay_register of a callback with that context, under some owner or broker.
  void Register(Padded<belay_callback_options>& options, Due& context);
  // What the program polls from queues.
  Host host;

  // --- Results ---
  // Makes a call and checks what holds for every one.
  template <typename Call>
  belay_status Checked(Call call) {
    errno = kErrno;
    const belay_status status = call();
    CheckStatus(status, errno);
    return status;
  }
  // Makes a call with a handle to fill and keeps what it filled in.
  template <typename Call>
  belay_status Opened(Call call) {
    belay_handle opened = kNoHandle;
    const belay_status status = Checked([&] { return call(OrNull(&opened)); });
    Keep(status, opened);
    return status;
  }
  void Keep(belay_status status, belay_handle opened);
  // belay_open, and sees to it that the program does not end before the broker has.
  belay_status OpenBroker(const belay_broker_options* options);

  // --- What Belay calls ---
  static belay_status Callback(void* context, belay_call* call);
  static void Log(void* context, std::int32_t level, const char* text);
  static std::int64_t Typed(void* context, std::int64_t argument);

 private:
  friend struct Due;
  struct ThreadEnd;
  static constexpr int kErrno = 4711;
  static constexpr belay_handle kNoHandle = 0x5555'5555'5555'5555;  // never a handle: no such kind

  static void CheckCallInfo(const belay_call* call);
  static void CheckStatus(belay_status status, int errno_after);
  belay_status Answer(belay_call* call);
  belay_status ReplyWithRow(belay_call* call, const std::string& key);
  void End();
  static void UnbindAll(belay_handle broker);
  static void OnBrokerEnd(void* world);

  const std::vector<belay_handle> lent_;
  const std::thread::id thread_ = std::this_thread::get_id();
  std::vector<belay_handle> handles_;
  std::size_t operations_left_ = 300;

  std::mutex mutex_;
  std::condition_variable progress_;  // a Due ran, or a broker ended
  std::size_t open_brokers_ = 0;      // whose thread has not ended; guarded by mutex_
  std::deque<Due> dues_;              // grows on the program's thread only; elements stay
};

}  // namespace belay::fuzz
