// The registry of one broker: callbacks, their owners, and every handle that refers to them.
//
// It keeps the promise that Belay exists for: a callback's release function runs exactly once (R3), after
// its last reference is gone or it was unregistered, and after its last call in flight has returned (R5),
// whatever threads do to its handles meanwhile.
//
// Life of a callback (R4). LIVE while it has references. The last release, an unregister, the owner's or
// the registry's close makes it DRAINING: its slots are marked slow or retired, so no new call begins.
// The reaper (reaper.cc) fences, scans hazards, and once neither call, pin nor asynchronous call is left
// runs the release function, with no lock held: RELEASED.
//
// Invariants
//   - A live callback has at least one live handle; a handle has exactly one holder.
//   - No user code runs under mutex_ (R8), and nothing waits under it.
//   - Lock order: Registry::mutex_, then HandleTable's (a leaf). progress_mutex_ is taken alone.
//
// Thread safety: every method may be called from any thread, also from inside callbacks and release
// functions. Drain() and Close() block; the others do not.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/status.h"
#include "broker/registry/callback.h"
#include "broker/registry/events.h"
#include "broker/registry/graveyard.h"
#include "broker/registry/handle.h"
#include "broker/registry/hazard_scan.h"
#include "broker/registry/object.h"
#include "broker/registry/origin.h"
#include "broker/registry/owner.h"
#include "broker/registry/pool.h"
#include "broker/registry/slot.h"
#include "broker/registry/spares.h"
#include "broker/registry/watchdog.h"

namespace belay::registry {

struct RegistryOptions {
  std::string name = "broker";
  LogFunction log;  // null: silent
  const base::Clock* clock = &base::Clock::System();
  // How many of the last dead handles, and of the last events, are remembered, at 56 and 40 bytes each; 0: none.
  std::size_t tombstones = 4096;
  std::size_t events = 4096;
  // What misuse of the registry's own handles causes, and of those of owners that say nothing else (R19).
  MisusePolicy misuse = MisusePolicy::kReturn;
  // A call that runs for longer is told to the log, once. The reaper looks twice in that time; 0: never.
  std::int64_t stuck_after_ns = 10'000'000'000;
  // Of the pool that callbacks may ask for.
  ExecutorOptions pool{.name = "default"};
  std::size_t pool_threads = 4;
  // Told of callbacks, once each, after their release functions have run and before drains of them return. Runs on
  // the reaper's thread or an executor's, under no lock. For parts that hold handles to callbacks of others: hooks,
  // names.
  std::function<void(std::span<Callback* const> callbacks)> on_released;
};

// What introspection tells of one handle (R15).
struct HandleInfo {
  Handle handle = 0;
  Kind kind = Kind::kNone;
  Handle owner = 0;
  Handle holder = 0;
  std::string owner_name;
  std::string holder_name;
  std::string label;
  std::string site;
  std::string signature;
  State state = State::kLive;
  std::uint32_t rights = 0;
  std::uint64_t references = 0;
  std::uint64_t pins = 0;
  std::uint64_t in_flight = 0;  // a moment's view
  std::uint64_t calls = 0;      // exact
  std::uint64_t failures = 0;
  std::int64_t created_unix_ns = 0;
  std::int64_t age_ns = 0;
  std::int64_t longest_running_ns = 0;  // of the calls in flight; at least, see watchdog.h
  std::uint64_t stuck = 0;  // calls that run for longer than RegistryOptions::stuck_after_ns
};

// Which handles to list: those for which all that is said here holds.
struct HandleFilter {
  enum class Use : std::uint8_t {
    kAny,
    kOnlyRelease,  // leaks, probably: their callback is unregistered, revoked or its owner closed
  };
  Kind kind = Kind::kNone;  // kNone: any
  std::optional<State> state;
  std::string owner_name;  // empty: any; as for the next two
  std::string holder_name;
  std::string label_part;
  std::int64_t min_age_ns = 0;
  Use use = Use::kAny;
};

// A call that some thread is in.
struct RunningCall {
  Handle handle = 0;  // through which it was called
  pid_t thread_id = 0;
  std::uint32_t depth = 0;  // of calls on that thread; 0: the outermost
  std::int64_t age_ns = 0;  // at least, see watchdog.h
  std::string label;        // of the callback, and where it was registered
  std::string site;
  std::string owner_name;
  std::string holder_name;     // empty: the handle has been released meanwhile
  std::uint32_t callback = 0;  // its object number
};

// What readers of the event stream get: an event and what its numbers stand for.
struct EventInfo {
  HandleEvent event;
  std::string label;
  std::string site;
  std::string owner_name;
};

struct EventPage {
  std::vector<EventInfo> events;  // of consecutive sequences
  std::uint64_t first_kept = 1;   // the oldest event still there
  std::uint64_t next = 1;         // what to ask for next
};

class Registry final : public Object {
 public:
  // Makes a registry, with its reaper thread, and a handle to it held by its own owner.
  static base::Result<Ref<Registry>> Open(RegistryOptions options);
  ~Registry() override;

  Handle handle() const noexcept { return handle_; }
  std::string_view label() const override { return options_.name; }
  // Something that lives until the registry has fully closed (the broker around it). Set once.
  void SetAttachment(std::shared_ptr<void> attachment);
  std::shared_ptr<void> attachment();

  // --- Owners: owners.cc ---
  // `parent`: the registry's handle, or that of an owner: whose close closes the new one, too.
  static base::Result<Handle> OpenOwner(Handle parent, std::string name, OwnerOptions options = {});
  base::Result<Handle> OpenOwner(std::string name);
  // Unregisters what it registered and releases what it holds, but for typed pins: a function pointer may
  // be in use. They stay until released, held by the registry's own owner.
  static base::Status CloseOwner(Handle handle);
  // What becomes of the contexts of an owner's callbacks when the runtime that made them goes down.
  enum class Contexts { kRelease, kDrop };
  // As CloseOwner. kDrop: release functions that have not begun never run, for there is nothing left that
  // could run them; the program's own word is the one exception to R3.
  static base::Status DetachOwner(Handle handle, Contexts contexts);
  // From now on `holder`, an owner of the same registry, holds the handle. A handle held by a closed owner
  // is gone, so there is no race to lose. Errors: RESOURCE_EXHAUSTED (the holder's budget), handle errors.
  static base::Status Transfer(Handle handle, Handle holder);

  // --- Callbacks: callbacks.cc, handles.cc, drain.cc ---
  // `owner` may be the registry's handle: its own owner. On failure spec.context has been released.
  static base::Result<Handle> Register(Handle owner, CallbackSpec&& spec);
  // `holder` 0: that of `handle`. `rights` 0: those of `handle`.
  static base::Result<Handle> Retain(Handle handle, Handle holder, std::uint32_t rights);
  // Any kind but registry and owner. Never blocks, needs no memory (R6).
  static base::Status Release(Handle handle);
  // `refusal` is what later calls are told: kUnregistered, or kRevoked (which needs no right).
  static base::Status Unregister(Handle handle, base::Code refusal);
  // Waits for all of them; they may be of several registries. The first handle that is refused ends it.
  static base::Status Drain(std::span<const Handle> handles, std::int64_t timeout_ns);
  static base::Status Drain(Handle handle, std::int64_t timeout_ns) {
    return Drain(std::span(&handle, 1), timeout_ns);
  }
  // The reversible twin of unregister and drain (R7): new calls are refused as SUSPENDED, then it waits until
  // none is in flight. DEADLINE_EXCEEDED: some still are; the callback is callable again. Idempotent.
  static base::Status Suspend(Handle handle, std::int64_t timeout_ns);
  static base::Status Resume(Handle handle);
  // Calls are refused as QUARANTINED until restored: quarantine.cc. They need no right: an administrator's.
  static base::Status Quarantine(Handle handle);
  // Ends a quarantine, whoever began it, and forgets failures.
  static base::Status Restore(Handle handle);
  // `notify` runs once when drained, on the reaper's thread; not on failure.
  static base::Status NotifyDrained(Handle handle, ReleaseFunction notify, void* context);

  // --- Calls: calls.cc; the in-process call itself is CallPin (pin.h) ---
  // Why CallPin refused `handle`.
  static base::Status Refusal(Handle handle);
  static void CountFailure(Callback& callback);
  static void CountFailure(Handle handle);
  // Runs a native callback, or starts an asynchronous one and waits. May block. WOULD_DEADLOCK inside a call that
  // runs on the callback's strand.
  static Outcome Invoke(Handle handle, Request request);
  // Submits the call to a callback that has an executor or runs elsewhere; an inline one is run here, before
  // returning. `done` runs exactly once.
  static void InvokeAsync(Handle handle, Request request, AsyncCall::Done done);
  // The same, for who wants to know at once: if it is not OK the call was not taken, and has not ended.
  static base::Status SubmitCall(Handle handle, std::unique_ptr<AsyncCall>& call);
  // Runs `run` as one call of a gated inline callback, once its gate lets it in. If it is not OK, `run` has
  // not run. REQUIRES: IsGatedInline(handle), which nothing but a suspend or the callback's end can change.
  static base::Status RunGated(Handle handle, std::int64_t deadline_ns,
                               const std::function<void(Callback&)>& run);
  static bool IsGatedInline(Handle handle);
  // True if InvokeAsync would run it on the calling thread.
  static bool RunsInline(Handle handle);

  struct PinnedFunction {
    Handle pin;
    TypedFunction function;
    void* context;
  };
  static base::Result<PinnedFunction> PinTyped(Handle handle, std::string_view signature);

  // --- Other kinds ---
  // A handle to an object of the engine's, held by `holder` (an owner of this registry; 0: the registry's
  // own). It takes the reference.
  base::Result<Handle> Insert(Ref<Object> object, Handle holder = 0);
  // The object behind a live handle of that kind, or STALE, WRONG_KIND, MALFORMED, CLOSED.
  static base::Result<Ref<Object>> Find(Handle handle, Kind kind);

  // The pool for callbacks that want one, made when first asked for and closed with the registry.
  base::Result<std::shared_ptr<Pool>> DefaultPool();

  // --- Introspection: nothing stops for it ---
  static base::Result<HandleInfo> Describe(Handle handle);
  // One sentence about a handle, live or dead; asking is no misuse. MALFORMED for what never was one.
  static base::Result<std::string> Explain(Handle handle);
  // Up to `limit` handles of this registry that `filter` lets through, in slots after `*after`, which is moved
  // on.
  std::vector<HandleInfo> List(std::uint64_t* after, std::size_t limit,
                               const HandleFilter& filter = {});
  // Names of those who hold handles to the same object, one for each handle.
  static std::vector<std::string> Holders(Handle handle);

  // --- Calls that run: running_calls.cc ---
  // Calls of this registry's callbacks that are known to have run for so long. Takes a look, so that who asks
  // twice learns of all that ran in between. Submitted calls are there while a thread runs them.
  std::vector<RunningCall> RunningCalls(std::int64_t min_age_ns);

  // --- History: history.cc ---
  // Up to `limit` events from `from` on, or from the oldest still there: then the first one's sequence
  // says how many were missed. Waits up to `timeout_ns` for one, and not beyond the registry's close. May block.
  // FAILED_PRECONDITION if it keeps no events.
  base::Result<EventPage> ReadEvents(std::uint64_t from, std::size_t limit,
                                     std::int64_t timeout_ns);
  // The misuse policy of who holds the handle. REQUIRES: the caller has pinned it, and holds no lock.
  static MisusePolicy HolderPolicy(Handle handle);
  Graveyard& graveyard() const noexcept { return *graveyard_; }

  // Unregisters all callbacks, releases all handles, waits until everything has drained (typed pins
  // released, too), and stops the reaper. DEADLINE_EXCEEDED, or WOULD_DEADLOCK inside a callback of this registry: the rest goes on in
  // the background.
  base::Status Close(std::int64_t timeout_ns);

 private:
  friend class AsyncCall;
  friend class ReleaseWork;
  enum class CloseState { kOpen, kClosing, kClosed };

  explicit Registry(RegistryOptions options);

  // Times of handles: tenths of a second since the registry opened. That is enough for people, and fits
  // into a slot for 13 years.
  std::uint32_t TicksAt(std::int64_t now_ns) const noexcept;

  // REQUIRES for all below: mutex_ held, unless said otherwise.
  // An event of a handle, on behalf of an owner.
  void Note(EventType type, Handle handle, Object& object, Owner& owner) noexcept {
    Note(type, handle, object, owner, options_.clock->CoarseMonotonicNs());
  }
  void Note(EventType type, Handle handle, Object& object, Owner& owner,
            std::int64_t now_ns) noexcept;
  // The event and the tombstone of a handle that is about to be retired.
  void NoteEnd(std::uint32_t slot, Object& object, Owner& holder) noexcept;
  // An event of a callback as a whole: of one of its handles, on behalf of its owner.
  void NoteState(EventType type, Callback& callback) noexcept;
  std::optional<RunningCall> RunningCallOf(const Watchdog::Call& call, std::int64_t now_ns);
  // REQUIRES for the next three: mutex_ not held.
  void LookAtCalls();
  void WarnOfStuckCalls();
  // ": on thread 7 for at least 1.5 s, ..."; empty if none is seen.
  std::string TellCallsOf(const Callback& callback);
  Record RecordOf(Handle handle, Object& object, Owner& owner, std::int64_t now_ns) noexcept;
  std::uint32_t TextOf(Object& object) noexcept;
  base::Result<Handle> AddHandle(Object& object, Owner& holder, std::uint32_t rights,
                                 NativeFunction function, void* context, Form form, EventType type);
  void RetireHandle(std::uint32_t slot);
  // Takes the context from `spec` when nothing can fail any more.
  static base::Result<Handle> TryRegister(Handle owner, CallbackSpec& spec);
  // Null if there is no memory. Leaves the context with `spec`.
  Ref<Callback> MakeCallback(const CallbackSpec& spec);
  // Puts a handle on the list of what `holder` holds, and takes it off.
  static void LinkHeld(std::uint32_t slot, Owner& holder);
  static void UnlinkHeld(std::uint32_t slot, Owner& holder);
  Owner& HolderOf(std::uint32_t slot);
  static Callback& CallbackAt(std::uint32_t number);
  // Calls fn(callback) for each callback that is to be released. REQUIRES: mutex_ is held.
  template <typename Fn>
  void ForEachDraining(Fn fn) const {
    for (const CallbackQueue* queue : {&unlooked_, &fenced_draining_, &draining_}) {
      for (std::uint32_t number = queue->first; number != 0; number = CallbackAt(number).owner_next)
        fn(CallbackAt(number));
    }
  }
  // The owner behind a pinned handle of kind owner or broker, if it is open.
  base::Result<Owner*> OpenHolder(Object& object);
  // The form that handles with these rights have while the callback is in the state it is in.
  static Form FormFor(const Callback& callback, std::uint32_t rights);
  static void SetForms(Callback& callback);
  void BeginDrain(Callback& callback, base::Code refusal);
  // REQUIRES for both: mutex_ not held. Deadlines by the system's clock.
  static base::Status DrainOne(Handle handle, std::int64_t deadline_ns);
  bool AwaitRelease(const Callback& callback, std::int64_t deadline_ns);
  void CloseOwnerLocked(Owner& closing, Contexts contexts);
  static base::Status CloseOwnerWith(Handle handle, Contexts contexts);
  static base::Status CheckMayWait(Handle handle);
  // Takes `call`, or says why not and leaves it. REQUIRES: mutex_ not held.
  static base::Status Submit(Handle handle, std::unique_ptr<AsyncCall>& call);
  // Asks the breaker of a callback that runs elsewhere, and tells it how the call ended.
  // REQUIRES: the callback is pinned, or the call in flight; mutex_ not held.
  static base::Result<Breaker::Permit> Admit(Callback& callback);
  static void Report(Callback& callback, Breaker::Permit permit, base::Code outcome);
  static void ReportTimeout(Handle handle);
  void FollowBreaker(Callback& callback);
  static State StateInUse(const Callback& callback);
  static base::Status Enqueue(Handle handle, Callback& callback, CallbackExtra& extra,
                              std::unique_ptr<AsyncCall>& call);
  // The breaker, the owner's budget, and the statistics: for a call that begins elsewhere, and one that could not.
  static base::Status CountIn(Callback& callback, AsyncCall& call);
  static void CountOut(Callback& callback, AsyncCall& call, base::Code outcome);
  // Right before a submitted call runs: may it? Ends the life of a callback that is for one call.
  // REQUIRES: mutex_ not held; the call is in flight.
  static base::Status BeginCall(Callback& callback);
  // Counts the call as in flight and charges the owner's budget; Uncharge ends the latter.
  static base::Status Charge(Callback& callback, AsyncCall& call);
  static void Uncharge(Callback& callback, const AsyncCall& call) noexcept;
  // Locks mutex_ if `handle`, which led to an object of this registry, has not been released since; else the
  // lock returned does not hold it.
  std::unique_lock<std::mutex> LockIfLive(Handle handle);
  base::Status CheckUsable(Callback& callback, std::uint32_t slot, std::uint32_t rights) const;
  HandleInfo DescribeLocked(std::uint32_t slot);
  bool LetsThrough(const HandleFilter& filter, std::uint32_t slot);
  // What callbacks' handles and pins `closing`, and the owners under it, hold: leaks.cc.
  std::vector<std::string> LeakReport(const Owner& closing);
  std::int64_t AgeNs(std::uint32_t slot) const noexcept;
  // True if the reaper sleeps and must be woken, by HandleTable::Poke(), once mutex_ has been let go.
  [[nodiscard]] bool TakeWakeUp() noexcept { return std::exchange(asleep_, false); }
  // REQUIRES: mutex_ not held.
  void Log(LogLevel level, std::string_view text) const;

  // The reaper: reaper.cc.
  void Reap();
  bool ReapOnce(std::unique_lock<std::mutex>& lock);
  void SleepUntilPoked(std::unique_lock<std::mutex>& lock, std::uint64_t seen);
  bool FreeRetired(std::unique_lock<std::mutex>& lock);
  bool ReleaseDrained(std::unique_lock<std::mutex>& lock);
  std::size_t ReleaseSome(std::span<Callback* const> ready, std::unique_lock<std::mutex>& lock);
  // REQUIRES for both: mutex_ not held.
  void RunRelease(Callback& callback);
  // Tells who asked to be told. Takes over the references of the callbacks.
  void MarkReleased(std::span<Callback* const> released);
  bool HasWork() const;
  struct Awaited {
    bool hazards = false;
    bool calls = false;
  };
  Awaited WhatHoldsTheRest() const;
  bool NothingLeft() const;

  const RegistryOptions options_;
  const std::int64_t opened_ns_;
  const std::int64_t opened_unix_ns_;
  const std::shared_ptr<Graveyard> graveyard_;
  const std::unique_ptr<EventRing> events_;  // null: none are kept
  std::thread::id reaper_id_;                // set before any handle exists
  Handle handle_ = 0;
  Ref<Owner> root_;  // holds the registry's handle, its owners' and its stores'

  std::mutex mutex_;
  CloseState close_state_ = CloseState::kOpen;
  std::shared_ptr<void> attachment_;
  std::shared_ptr<Pool> pool_;
  Origins origins_;
  Spares spare_slots_;
  Spares spare_cells_;
  std::uint64_t unfreed_handles_ = 0;  // live, or retired and not yet freed
  std::uint32_t retired_ = 0;          // list of retired slots that no fence has covered yet
  std::uint32_t fenced_ = 0;           // list of retired slots that wait for a clean scan
  // Callbacks that are to be released, each with a reference of its own: what no fence has covered yet, what waits
  // for a scan that finds it unused, and what the reaper has not yet looked at after the last scan.
  CallbackQueue draining_;
  CallbackQueue fenced_draining_;
  CallbackQueue unlooked_;
  std::vector<OwnedContext> due_notices_;  // drain notices that the reaper is to run
  std::uint64_t unreleased_callbacks_ = 0;
  // Those who wait for the reaper: it does not nap. Written under mutex_; relaxed, for it is only looked at
  // outside.
  std::atomic<std::uint32_t> hurried_{0};
  bool asleep_ = false;  // the reaper sleeps until poked
  bool news_ = false;    // something came after the reaper last took what there was
  std::condition_variable closed_;
  // Tells that a callback that somebody awaits has been released. A mutex of its own, for mutex_ is wanted by all:
  // guards nothing but the moment between a look at Callback::state() and the sleep.
  std::mutex progress_mutex_;
  std::condition_variable progress_;
  HazardScan scan_;  // the reaper's
  Watchdog watchdog_;

  std::thread reaper_;
};

}  // namespace belay::registry
