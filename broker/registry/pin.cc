#include "broker/registry/pin.h"

#include <algorithm>

namespace belay::registry {
namespace {

constexpr std::uint32_t kFirstFastDepth = 4;

void PokeIfAwaited() {
  HandleTable& table = HandleTable::Get();
  if (table.waiting_reapers.load(std::memory_order_seq_cst) != 0) table.Poke();
}

}  // namespace

// First call of a thread, a deeper call than ever before, or portable fences.
Slot* CallPin::EnterSlow(Handle handle) {
  if (HandleTable::Forked()) return nullptr;
  HandleTable& table = HandleTable::Get();
  ThreadRecord& record = table.Thread();
  if (record.slots == nullptr || record.depth >= kMaxDepth) return nullptr;
  if (record.depth >= record.high_water.load(std::memory_order_relaxed)) {
    const std::uint32_t reach = std::min(kMaxDepth, std::max(kFirstFastDepth, record.depth * 2));
    // seq_cst, before the hazard below: a scan that misses the new reach began before that hazard.
    record.high_water.store(reach, std::memory_order_seq_cst);
    if (!record.portable) record.fast_depth = reach;
  }
  Slot& slot = record.slots[SlotOf(handle) & (HandleTable::kSlots - 1)];
  std::atomic<Handle>& hazard = record.hazards[record.depth];
  hazard.store(handle, std::memory_order_seq_cst);
  if (slot.key.load(std::memory_order_seq_cst) != handle) {
    Withdraw(hazard);
    return nullptr;
  }
  Count(record, handle);
  return &slot;
}

void CallPin::Withdraw(std::atomic<Handle>& hazard) {
  hazard.store(0, std::memory_order_seq_cst);
  if (!HandleTable::Forked()) PokeIfAwaited();
}

// The key changed meanwhile, or the fence mode is portable, in which the destructor's release store is not
// ordered before what follows: clear the hazard once more, then ask.
void CallPin::ExitSlow(std::atomic<Handle>& hazard) { Withdraw(hazard); }

bool DepthExceeded() {
  return (tls_record != nullptr && tls_record->depth >= kMaxDepth) ||
         (tls_async_scope != nullptr && tls_async_scope->depth() >= kMaxDepth);
}

thread_local constinit AsyncScope* tls_async_scope __attribute__((tls_model("initial-exec"))) =
    nullptr;

AsyncScope::AsyncScope(Callback& callback, std::uint32_t& count)
    : callback_(&callback),
      count_(count),
      outer_(tls_async_scope),
      depth_(outer_ == nullptr ? 1 : outer_->depth_ + 1) {
  tls_async_scope = this;
}

TransientPin::TransientPin(Handle handle) {
  if (HandleTable::Forked()) return;
  HandleTable& table = HandleTable::Get();
  ThreadRecord& record = table.Thread();
  if (record.slots == nullptr) return;
  Slot& slot = record.slots[SlotOf(handle) & (HandleTable::kSlots - 1)];
  record_ = &record;
  record.hazards[kMaxDepth + record.transient_depth++].store(handle, std::memory_order_seq_cst);
  const std::uint64_t key = slot.key.load(std::memory_order_seq_cst);
  // The kind's check keeps out the number 1, whose SlowKey is the 0 of a free slot.
  if (KindOf(handle) != Kind::kNone && (key == handle || key == SlowKey(handle))) {
    object_ = slot.object;
  } else {
    Withdraw();  // a useless hazard would only keep the reaper from what is retired
  }
}

void TransientPin::Withdraw() {
  record_->hazards[kMaxDepth + --record_->transient_depth].store(0, std::memory_order_seq_cst);
  record_ = nullptr;
  PokeIfAwaited();
}

}  // namespace belay::registry
