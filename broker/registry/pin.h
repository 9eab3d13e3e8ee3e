// Pins: how a thread keeps what a handle leads to alive while it uses it.
//
// CallPin is the pin of one call of a callback, wait-free and without a shared write. TransientPin is that of the
// library's own operations. Both publish the handle in a hazard of the thread and then check the slot's
// key; from then on until their destructor the object, its context and the slot stay (R5).
//
// Waking the reaper. A reaper that found a hazard on what it wants to free waits to be poked. It has
// announced itself in `waiting_reapers` before its heavy fence and scan. A call, having cleared its
// hazard, asks there: 0 means that the fence of whoever waits next is yet to come, and that its scan will see
// the cleared hazard. Else somebody may be waiting for this very handle; then its key has changed, by the same
// argument, and the call pokes. It asks for waiters first because that is one load for all calls of the
// process, which nobody writes while nothing is released.
//
// Thread safety: a pin belongs to the thread that made it; pins of a thread end in reverse order.
#pragma once

#include "broker/registry/callback.h"
#include "broker/registry/handle_table.h"
#include "broker/registry/object.h"
#include "broker/registry/pause.h"

namespace belay::registry {

// Signals. A handler that runs between any two instructions here may make calls of its own: `top` moves up
// before the hazard is set and down after it is cleared, so the handler never uses this call's cell.
//
// A call's pin is the innermost cell of its thread, which is where the end of a call that knows no better finds it.
class CallPin {
 public:
  // Pins `handle` if it may be called without further checks: see operator bool. If not,
  // Registry::Refusal tells why.
  explicit CallPin(Handle handle) {
    Pinned pinned;
    Entry entry = EnterAny(handle, &pinned);
    if (entry == Entry::kOther) entry = EnterSlow(handle, &pinned);
    if (entry == Entry::kEntered) slot_ = pinned.slot;
    if (entry == Entry::kRefused) Withdraw();
  }
  CallPin(const CallPin&) = delete;
  CallPin& operator=(const CallPin&) = delete;
  ~CallPin() {
    if (slot_ != nullptr) Leave(*tls_record, *(tls_record->top - 1));
  }

  explicit operator bool() const noexcept { return slot_ != nullptr; }
  // REQUIRES: *this
  std::int32_t Run(::belay_call* call) const { return slot_->function(slot_->context, call); }
  Callback& callback() const noexcept { return CallbackOf(*slot_); }

  // The same in steps, for belay_invoke, whose short way has no room for more.
  enum class Entry {
    kEntered,  // Leave() or TakeOver() ends the call
    kOther,    // nothing was done: the thread's last call at this depth was through another handle
    kRefused,  // Withdraw() is to be called
  };
  struct Pinned {
    const Slot* slot;
    ThreadRecord* record;  // the calling thread's
    CallCell* cell;        // its innermost
  };
  [[gnu::always_inline]] static Entry EnterAgain(Handle handle, Pinned* pinned) noexcept {
    ThreadRecord* const record = tls_record;
    if (record == nullptr) [[unlikely]]
      return Entry::kOther;
    CallCell* const cell = record->top;
    // One question for two: does the cell count other calls, or is this deeper than ever before? (A cell that
    // was never used counts calls through 0, which leads to a slot that refuses it.)
    if (cell->counted.load(std::memory_order_relaxed) != handle) [[unlikely]]
      return Entry::kOther;
    record->top = cell + 1;
    return EnterCell(*record, *cell, handle, pinned);
  }
  // The same, through whatever handle: kOther if that is not enough, and only CallPin(handle) will do.
  [[gnu::always_inline]] static Entry EnterAny(Handle handle, Pinned* pinned) noexcept {
    ThreadRecord* const record = tls_record;
    if (record == nullptr || record->top >= record->fast_end) [[unlikely]]
      return Entry::kOther;
    // A slot that was not used lately is far away. Sent for before the rest is done, it comes while the call before
    // still waits for its own, which saves a fifth of the time of calls that go all over a million handles.
    __builtin_prefetch(&SlotOfRecord(*record, handle));
    CallCell* const cell = record->top;
    record->top = cell + 1;
    if (cell->counted.load(std::memory_order_relaxed) != handle) [[likely]] {
      if (record->counts.log_full()) [[unlikely]]
        HandleTable::Get().MergeCounts(*record);
      record->LogCount(*cell, handle);
    }
    return EnterCell(*record, *cell, handle, pinned);
  }
  [[gnu::always_inline]] static void Leave(ThreadRecord& record, CallCell& cell) noexcept {
    cell.hazard.store(0, std::memory_order_release);
    LightFence();
    if (HandleTable::waiting_reapers.load(std::memory_order_relaxed) != 0) [[unlikely]]
      ExitSlow(record, cell);
    record.top =
        &cell;  // last: until here the cell says whose call it was, whatever a signal handler calls
  }
  static void Withdraw() noexcept;
  Pinned HandOver() noexcept {
    return {std::exchange(slot_, nullptr), tls_record, tls_record->top - 1};
  }
  // The pin of the innermost call, whose maker leaves its end to this function.
  static CallPin TakeOver() noexcept { return CallPin(); }

 private:
  CallPin() noexcept : slot_(SlotOfInnermost()) {}
  static const Slot* SlotOfInnermost() noexcept;
  static Callback& CallbackOf(const Slot& slot) noexcept;
  static const Slot& SlotOfRecord(const ThreadRecord& record, Handle handle) noexcept {
    return record.slots[SlotOf(handle) & (HandleTable::kSlots - 1)];
  }
  // REQUIRES: the cell is the thread's innermost, and counts calls through `handle`.
  [[gnu::always_inline]] static Entry EnterCell(ThreadRecord& record, CallCell& cell, Handle handle,
                                                Pinned* pinned) noexcept {
    const Slot& slot = SlotOfRecord(record, handle);
    LightFence();
    // release, though nothing is published: a scanner that reads this handle instead of the 0 before it
    // must as well see what the calls that ended before did.
    cell.hazard.store(handle, std::memory_order_release);
    LightFence();
    Pause(PausePoint::kCallBeforeCheck);
    if (slot.key.load(std::memory_order_acquire) != handle) [[unlikely]]
      return Entry::kRefused;
    // Not an atomic increment: this thread is the only writer.
    cell.sequence.store(cell.sequence.load(std::memory_order_relaxed) + 1,
                        std::memory_order_relaxed);
    *pinned = {&slot, &record, &cell};
    return Entry::kEntered;
  }
  // First call of a thread, a deeper call than ever before, or portable fences.
  static Entry EnterSlow(Handle handle, Pinned* pinned);
  static void ExitSlow(const ThreadRecord& record, CallCell& cell) noexcept;

  const Slot* slot_ = nullptr;
};

// True if the calling thread is in as many calls as it may be.
bool DepthExceeded();

// While one lives, its thread begins, runs or answers a submitted call: no hazard shows it, and yet to wait
// here for the callback would be to wait for oneself. It takes over one hold of the callback's CallTally and ends it.
class AsyncScope {
 public:
  // `call_id`: that of the call; 0 for a release function.
  AsyncScope(Callback& callback, std::uint64_t call_id) noexcept;
  AsyncScope(const AsyncScope&) = delete;
  AsyncScope& operator=(const AsyncScope&) = delete;
  ~AsyncScope();

  Callback& callback() const noexcept { return callback_; }
  const AsyncScope* outer() const noexcept { return outer_; }
  std::uint32_t depth() const noexcept { return depth_; }
  std::uint64_t call_id() const noexcept { return call_id_; }
  // How many calls through CallPin the thread was in when the scope began.
  std::uint32_t pins_outside() const noexcept { return pins_outside_; }

 private:
  Callback& callback_;  // alive while its count is
  AsyncScope* const outer_;
  const std::uint32_t depth_;
  const std::uint32_t pins_outside_;
  const std::uint64_t call_id_;
};

// The calls that a thread is in, of both sorts, innermost first.
struct CallOfThread {
  std::uint64_t id = 0;         // 0: it is in none
  std::uint64_t parent_id = 0;  // of the call around it on this thread; 0: none
  std::uint32_t depth = 0;
};
CallOfThread InnermostCall() noexcept;

// The calling thread's innermost scope.
extern thread_local constinit AsyncScope* tls_async_scope
    __attribute__((tls_model("initial-exec")));

class TransientPin {
 public:
  explicit TransientPin(Handle handle);
  TransientPin(const TransientPin&) = delete;
  TransientPin& operator=(const TransientPin&) = delete;
  ~TransientPin() {
    if (record_ != nullptr) Withdraw();
  }

  // Null if the handle leads to no live object.
  Object* object() const noexcept { return object_; }
  // The form that the handle's slot had.
  Form form() const noexcept { return form_; }

 private:
  void Withdraw();

  ThreadRecord* record_ = nullptr;
  Object* object_ = nullptr;
  Form form_ = Form::kRetired;
};

// True if the calling thread is inside a call for which `matches(object)` holds.
template <typename Fn>
bool InsideCallOf(Fn matches) {
  for (const AsyncScope* scope = tls_async_scope; scope != nullptr; scope = scope->outer()) {
    if (matches(scope->callback())) return true;
  }
  const ThreadRecord* record = tls_record;
  if (record == nullptr) return false;
  for (std::uint32_t i = 0; i < record->depth(); ++i) {
    // The thread's own hazard pins the slot, so its object may be looked at.
    const Handle handle = record->cells[i].hazard.load(std::memory_order_relaxed);
    if (matches(HandleTable::Get().object_of(SlotOf(handle)))) return true;
  }
  return false;
}

}  // namespace belay::registry
