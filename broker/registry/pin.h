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

// Its members stay in registers: nothing here takes their address.
class CallPin {
 public:
  // Pins `handle` if it may be called without further checks: see operator bool. If not,
  // Registry::Refusal tells why.
  explicit CallPin(Handle handle) {
    ThreadRecord* const record = tls_record;
    if (record == nullptr || record->depth >= record->fast_depth) [[unlikely]] {
      slot_ = EnterSlow(handle);
      if (slot_ != nullptr) {
        record_ = tls_record;
        depth_ = record_->depth++;
        key_at_exit_ = record_->portable ? kNoSlotsKey : handle;  // always ExitSlow
      }
      return;
    }
    Slot& slot = record->slots[SlotOf(handle) & (HandleTable::kSlots - 1)];
    const std::uint32_t depth = record->depth;
    std::atomic<Handle>& hazard = record->hazards[depth];
    // release, though nothing is published: a scanner that reads this handle instead of the 0 before it
    // must as well see what the calls that ended before did.
    hazard.store(handle, std::memory_order_release);
    LightFence();
    if (slot.key.load(std::memory_order_acquire) != handle) [[unlikely]] {
      Withdraw(hazard);
      return;
    }
    Count(*record, handle);
    record->depth = depth + 1;
    depth_ = depth;
    record_ = record;
    slot_ = &slot;
    key_at_exit_ = handle;
  }
  CallPin(const CallPin&) = delete;
  CallPin& operator=(const CallPin&) = delete;

  ~CallPin() {
    if (slot_ == nullptr) return;
    // The depth is kept, not counted down: a decrement would make each call wait for the store of the last.
    record_->depth = depth_;
    std::atomic<Handle>& hazard = record_->hazards[depth_];
    hazard.store(0, std::memory_order_release);
    LightFence();
    if (slot_->key.load(std::memory_order_relaxed) != key_at_exit_) [[unlikely]]
      ExitSlow(hazard);
  }

  explicit operator bool() const noexcept { return slot_ != nullptr; }
  // REQUIRES: *this
  std::int32_t Run(::belay_call* call) const { return slot_->function(slot_->context, call); }
  Object& object() const { return *slot_->object; }

 private:
  static void Count(ThreadRecord& record, Handle handle) {
    CallCount& count = record.counts[SlotOf(handle) % kCallCounts];
    if (count.handle.load(std::memory_order_relaxed) == handle) [[likely]] {
      // Not an atomic increment: this thread is the only writer.
      count.calls.store(count.calls.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    } else {
      HandleTable::Get().ClaimCount(record, handle);
    }
  }
  // The slot if it could be pinned, else null.
  static Slot* EnterSlow(Handle handle);
  static void Withdraw(std::atomic<Handle>& hazard);
  static void ExitSlow(std::atomic<Handle>& hazard);

  // What no slot's key ever is; not 0, which is that of a retired slot.
  static constexpr Handle kNoSlotsKey = ~Handle{0};

  ThreadRecord* record_ = nullptr;
  Slot* slot_ = nullptr;
  Handle key_at_exit_ = 0;
  std::uint32_t depth_ = 0;
};

// True if the calling thread is in as many calls as it may be.
bool DepthExceeded();

// While one lives, its thread begins or answers an asynchronous call: no hazard shows it, and yet to wait
// here for the callback would be to wait for oneself. Ends one of the callback's counts.
class AsyncScope {
 public:
  // `count` is guarded by the registry's mutex and includes this scope.
  AsyncScope(Callback& callback, std::uint32_t& count);
  AsyncScope(const AsyncScope&) = delete;
  AsyncScope& operator=(const AsyncScope&) = delete;
  ~AsyncScope();

  const Callback& callback() const noexcept { return *callback_; }
  const AsyncScope* outer() const noexcept { return outer_; }
  std::uint32_t depth() const noexcept { return depth_; }

 private:
  const Ref<Callback> callback_;
  std::uint32_t& count_;
  AsyncScope* const outer_;
  const std::uint32_t depth_;
};

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

 private:
  void Withdraw();

  ThreadRecord* record_ = nullptr;
  Object* object_ = nullptr;
};

// True if the calling thread is inside a call for which `matches(object)` holds.
template <typename Fn>
bool InsideCallOf(Fn matches) {
  for (const AsyncScope* scope = tls_async_scope; scope != nullptr; scope = scope->outer()) {
    if (matches(scope->callback())) return true;
  }
  const ThreadRecord* record = tls_record;
  if (record == nullptr) return false;
  for (std::uint32_t i = 0; i < record->depth; ++i) {
    // The thread's own hazard pins the slot, so its object may be looked at.
    const Handle handle = record->hazards[i].load(std::memory_order_relaxed);
    if (matches(*record->slots[SlotOf(handle) & (HandleTable::kSlots - 1)].object)) return true;
  }
  return false;
}

}  // namespace belay::registry
