// Pins: how a thread keeps what a handle leads to alive while it uses it.
//
// CallPin is the pin of one call of a callback, wait-free and without a shared write. TransientPin is that of the
// library's own operations. Both publish the handle in a hazard of the thread and then check the slot's
// key; from then on until their destructor the object, its context and the slot stay (R5).
//
// Waking the reaper. A reaper that found a hazard on what it wants to free waits to be poked. It has
// announced itself in `waiting_reapers` before its heavy fence and scan. A call, having cleared its
// hazard, reads the key again: unchanged means that nobody retires the handle, or that the retirement's
// heavy fence is yet to come and will see the cleared hazard. Changed means that somebody may be waiting:
// then it asks `waiting_reapers` and pokes. By the same argument it cannot read 0 there and have its
// cleared hazard missed.
//
// Thread safety: a pin belongs to the thread that made it; pins of a thread end in reverse order.
#pragma once

#include "broker/registry/callback.h"
#include "broker/registry/handle_table.h"
#include "broker/registry/object.h"

namespace belay::registry {

// Signals. A handler that runs between any two instructions here may make calls of its own: `top` moves up
// before the hazard is set and down after it is cleared, so the handler never uses this call's cell.
//
// Its members stay in registers: nothing here takes their address, and what is always inlined must be so on
// the ways of exceptions, too.
class CallPin {
 public:
  // Pins `handle` if it may be called without further checks: see operator bool. If not,
  // Registry::Refusal tells why.
  explicit CallPin(Handle handle) : CallPin(handle, FastOnly{}) {
    if (slot_ != nullptr) return;
    slot_ = EnterSlow(handle);
    if (slot_ == nullptr) return;
    record_ = tls_record;
    cell_ = record_->top - 1;
  }
  // The same, but fails as well where the thread needs preparation first: its first call, a deeper one than
  // ever before, portable fences. For who wants no more than the short way in a function of its own.
  struct FastOnly {};
  [[gnu::always_inline]] CallPin(Handle handle, FastOnly) {
    ThreadRecord* const record = tls_record;
    if (record == nullptr) [[unlikely]]
      return;
    CallCell* const cell = record->top;
    // One question for two: does the cell count other calls, or is this deeper than ever before? (A cell that
    // was never used counts calls through 0, which leads to a slot that refuses it.)
    if (cell->counted.load(std::memory_order_relaxed) != handle) [[unlikely]]
      if (!Prepare(*record, *cell, handle)) return;
    Slot& slot = record->slots[SlotOf(handle) & (HandleTable::kSlots - 1)];
    record->top = cell + 1;
    LightFence();
    // release, though nothing is published: a scanner that reads this handle instead of the 0 before it
    // must as well see what the calls that ended before did.
    cell->hazard.store(handle, std::memory_order_release);
    LightFence();
    if (slot.key.load(std::memory_order_acquire) != handle) [[unlikely]] {
      Withdraw(*record, *cell);
      return;
    }
    // Not an atomic increment: this thread is the only writer.
    cell->sequence.store(cell->sequence.load(std::memory_order_relaxed) + 1,
                         std::memory_order_relaxed);
    cell_ = cell;
    record_ = record;
    slot_ = &slot;
    if (slot_ == nullptr) __builtin_unreachable();  // spares operator bool its test
  }
  // For whoever ends the call elsewhere, on the same thread.
  CallPin(CallPin&& other) noexcept
      : record_(other.record_), slot_(std::exchange(other.slot_, nullptr)), cell_(other.cell_) {}
  CallPin& operator=(CallPin&&) = delete;

  [[gnu::always_inline]] ~CallPin() {
    if (slot_ == nullptr) return;
    cell_->hazard.store(0, std::memory_order_release);
    LightFence();
    record_->top = cell_;
    // `counted` is the handle of this call; or another, in portable mode: then the slow way is the right one.
    if (slot_->key.load(std::memory_order_relaxed) !=
        cell_->counted.load(std::memory_order_relaxed)) [[unlikely]]
      ExitSlow(*cell_);
  }

  explicit operator bool() const noexcept { return slot_ != nullptr; }
  // REQUIRES: *this
  std::int32_t Run(::belay_call* call) const { return slot_->function(slot_->context, call); }
  Callback& callback() const noexcept { return CallbackOf(*slot_); }

 private:
  static Callback& CallbackOf(const Slot& slot) noexcept;
  // Makes `cell` count calls through `handle`; false if it needs EnterSlow.
  static bool Prepare(ThreadRecord& record, CallCell& cell, Handle handle);
  // The slot if it could be pinned, else null.
  static Slot* EnterSlow(Handle handle);
  static void Withdraw(ThreadRecord& record, CallCell& cell);
  static void ExitSlow(CallCell& cell);

  ThreadRecord* record_ = nullptr;
  Slot* slot_ = nullptr;
  CallCell* cell_ = nullptr;
};

// True if the calling thread is in as many calls as it may be.
bool DepthExceeded();

// While one lives, its thread begins, runs or answers a submitted call: no hazard shows it, and yet to wait
// here for the callback would be to wait for oneself. It takes over one count of `in_flight` and ends it.
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
