// The reference model: what belay.h promises, for one thread that does one thing after another.
//
// It has no concurrency, no memory to manage and no speed to keep, so it can be read and believed. A function
// takes the numbers of handles, in the order in which they were made, does what the function of the C ABI
// does, and returns what that must answer.
//
// What time decides (when a release function runs, when a closed queue refuses what it held) is no state here.
// A callback is *free* once it refuses calls and nothing uses it: then, and not before, its release function
// may run (R5). TakeFreed() tells which have become so.
//
// Thread safety: none.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "belay/belay.h"

namespace belay::programs {

// The number of a thing among those of its kind.
using Id = int;
inline constexpr Id kNone = -1;
inline constexpr Id kForged = -1;  // a number that never was a handle
inline constexpr Id kSame = -2;    // as holder: whoever holds the other handle
inline constexpr Id kBroker = 0;   // its handle is the first, and its own owner the first of owners
inline constexpr int kNameCount = 4;

enum class Place : std::uint8_t { kInline, kPool, kStrand, kQueue };

// How the callback is to be registered.
struct Spec {
  Place place = Place::kInline;
  Id executor = kNone;  // handle of the queue or strand
  bool once = false;
  bool typed = false;
  std::uint32_t max_concurrency = 0;
  bool waits = false;    // SERIAL, or WAIT
  bool invalid = false;  // flags that there are not
};

struct Budget {
  std::uint32_t max_handles = 0;
  std::uint32_t max_callbacks = 0;
};

class Model {
 public:
  struct Owner {
    Id parent;
    Budget budget;
    bool open = true;
    std::uint32_t held = 0;
  };
  struct Callback {
    Id owner;
    Spec spec;
    Id queue = kNone;                 // it runs on, or strand
    belay_status refusal = BELAY_OK;  // other than OK: uncallable for good, and why
    bool suspended = false;
    bool quarantined = false;
    std::uint32_t references = 0;  // handles and bindings
    std::uint32_t pins = 0;
    std::uint32_t running = 0;  // on this thread
    std::uint32_t queued = 0;
    std::uint32_t handed_out = 0;
    bool freed = false;
    bool drained = false;         // known to be: its release function has run
    bool dropped = false;         // by BELAY_DETACH_DROP before it was free: it never runs
    bool may_be_dropped = false;  // the same, when it was free already
    std::uint64_t calls = 0;      // inline only
    std::uint64_t failures = 0;
  };
  struct Handle {
    std::uint32_t kind;
    Id object;  // an owner, an executor or a callback; of a pin the callback
    Id holder;  // an owner
    std::uint32_t rights;
    bool open = true;
  };
  struct Executor {
    std::uint32_t max_calls;
    bool open = true;
    std::deque<Id> queued = {};  // tickets
  };
  // A call that was queued.
  struct Ticket {
    Id callback;  // kNone when the call is over for it, too
    Id queue;
    bool handed_out = false;
    bool ended = false;  // for whoever submitted it
    belay_status outcome = BELAY_OK;
    belay_status or_outcome = BELAY_OK;  // as likely, when the queue was closed meanwhile
  };
  struct Member {
    Id callback;
    std::uint32_t rights;
  };
  struct Name {
    int policy = BELAY_NAME_SINGLE;
    std::uint64_t turn = 0;
    std::vector<Member> members = {};
  };

  Model() { Reset(); }
  // As after belay_open.
  void Reset();

  // --- What can be seen ---
  const Handle& handle(Id handle) const { return handles_[static_cast<std::size_t>(handle)]; }
  const Callback& callback(Id id) const { return callbacks_[static_cast<std::size_t>(id)]; }
  const Ticket& ticket(Id id) const { return tickets_[static_cast<std::size_t>(id)]; }
  const Executor& executor(Id id) const { return executors_[static_cast<std::size_t>(id)]; }
  Id callbacks() const { return static_cast<Id>(callbacks_.size()); }
  Id handles() const { return static_cast<Id>(handles_.size()); }
  // Its queue was closed before it was over: a cancellation may come too late, or just in time.
  bool IsClosing(Id ticket_id) const {
    return ticket(ticket_id).outcome == BELAY_CLOSED ||
           ticket(ticket_id).or_outcome == BELAY_ABANDONED;
  }
  bool closed() const { return !owners_.front().open; }
  bool IsFree(Id callback) const;
  // Callbacks that have become free since it was last asked.
  std::vector<Id>& freed() { return freed_; }

  // --- Owners ---
  belay_status OpenOwner(Id parent, Budget budget);
  belay_status CloseOwner(Id owner, int mode);
  belay_status CloseBroker();

  // --- Callbacks and their handles. What makes a handle makes the last one of handles(). ---
  // REQUIRES for Register: `full` is what the library said, where CountsAsFull() leaves it to time.
  enum class Full : std::uint8_t { kNo, kYes, kPerhaps };
  Full CountsAsFull(Id owner) const;
  belay_status Register(Id owner, const Spec& spec, Full full);
  belay_status Retain(Id callback, Id holder, std::uint32_t rights);
  belay_status Release(Id handle);
  belay_status Transfer(Id handle, Id holder);
  belay_status Unregister(Id callback);
  belay_status Suspend(Id callback);
  belay_status Resume(Id callback);
  belay_status Quarantine(Id callback);
  belay_status Restore(Id callback);
  belay_status Drain(Id callback) const;
  belay_status DrainNotify(Id callback) const;
  void Drained(Id callback) { At(callbacks_, callback).drained = true; }
  belay_status Pin(Id callback);
  belay_status Unpin(Id pin);
  belay_status OpenExecutor(Id owner, std::uint32_t kind, std::uint32_t max_calls);

  // --- Calls ---
  enum class Door : std::uint8_t { kInvoke, kSubmit };
  // What a call is told before anything runs. OK: it runs, or is queued.
  belay_status Admit(Id callback, Door door) const;
  void BeginInline(Id callback);
  void EndInline(Id callback, bool failed);
  Id Enqueue(Id callback);  // the ticket
  // The host has taken all; those of them that were not cancelled, in order, are in `taken`.
  belay_status Poll(Id queue, std::vector<Id>* taken);
  belay_status Finish(Id ticket, belay_status outcome);
  belay_status Cancel(Id ticket, int mode);

  // --- Names ---
  belay_status Bind(int name, Id callback, int on_conflict, int policy);
  belay_status Unbind(int name, Id callback);
  belay_status Resolve(int name, Id holder);

 private:
  template <typename T>
  static T& At(std::vector<T>& things, Id id) {
    return things[static_cast<std::size_t>(id)];
  }
  belay_status Check(Id handle, std::uint32_t kind) const;
  belay_status CheckHolder(Id handle) const;
  belay_status Usable(Id handle, std::uint32_t right) const;
  Callback& CallbackOf(Id handle) { return At(callbacks_, At(handles_, handle).object); }
  const Callback& CallbackOf(Id handle_id) const { return callback(handle(handle_id).object); }
  bool IsFull(Id owner) const;
  void Add(std::uint32_t kind, Id object, Id holder, std::uint32_t rights);
  void Close(Id handle);
  void CloseTree(Id owner, int mode);
  void End(Callback& callback, belay_status refusal);
  void Unreference(Callback& callback);
  void CloseExecutor(Id executor);
  void NoteIfFree(Callback& callback);
  void Prune(Name& name);

  std::vector<Owner> owners_;
  std::vector<Callback> callbacks_;
  std::vector<Handle> handles_;
  std::vector<Executor> executors_;
  std::vector<Ticket> tickets_;
  std::array<Name, kNameCount> names_;
  std::vector<Id> freed_;
};

}  // namespace belay::programs
