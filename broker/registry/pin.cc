#include "broker/registry/pin.h"

#include <algorithm>

namespace belay::registry {
namespace {

constexpr std::uint32_t kFirstReach = 4;

// Sets or clears a hazard, before a load that must not overtake the store: as in CallPin the fence between
// them is the retiring side's, unless fences are portable.
void SetHazard(const ThreadRecord& record, std::atomic<Handle>& hazard, Handle handle) {
  if (record.portable) {
    hazard.store(handle, std::memory_order_seq_cst);
  } else {
    hazard.store(handle, std::memory_order_release);
    LightFence();
  }
}

}  // namespace

CallPin::Entry CallPin::EnterSlow(Handle handle, Pinned* pinned) {
  if (HandleTable::Forked()) return Entry::kOther;
  HandleTable& table = HandleTable::Get();
  ThreadRecord* const record = table.Thread();
  if (record == nullptr || record->slots == nullptr || record->depth() >= kMaxDepth)
    return Entry::kOther;
  if (record->depth() >= record->high_water.load(std::memory_order_relaxed)) {
    const std::uint32_t reach = std::min(kMaxDepth, std::max(kFirstReach, record->depth() * 2));
    // seq_cst, before the hazard below: a scan that misses the new reach began before that hazard.
    record->high_water.store(reach, std::memory_order_seq_cst);
    if (!record->portable) record->fast_end = record->cells.data() + reach;
  }
  const Slot& slot = record->slots[SlotOf(handle) & (HandleTable::kSlots - 1)];
  CallCell& cell = *record->top++;
  cell.hazard.store(handle, std::memory_order_seq_cst);
  Pause(PausePoint::kCallBeforeCheck);
  if (slot.key.load(std::memory_order_seq_cst) != handle) return Entry::kRefused;
  table.MoveCount(*record, cell, handle);
  cell.sequence.store(cell.sequence.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  // In portable mode every call counts to the table at once, and comes here again.
  if (record->portable) table.MoveCount(*record, cell, 0);
  *pinned = {&slot, record, &cell};
  return Entry::kEntered;
}

Callback& CallPin::CallbackOf(const Slot& slot) noexcept {
  return static_cast<Callback&>(
      *HandleTable::Get().objects().Get(slot.object.load(std::memory_order_relaxed)));
}

const Slot* CallPin::SlotOfInnermost() noexcept {
  const Handle handle = (tls_record->top - 1)->hazard.load(std::memory_order_relaxed);
  return &tls_record->slots[SlotOf(handle)];
}

void CallPin::Withdraw() noexcept {
  CallCell* const cell = tls_record->top - 1;
  cell->hazard.store(0, std::memory_order_seq_cst);
  tls_record->top = cell;
  if (!HandleTable::Forked()) HandleTable::Get().PokeIfAwaited();
}

// Somebody may be waiting for this call; or the fence mode is portable, in which Leave()'s release store is not
// ordered before what follows, and the hazard is cleared once more. Of which handle the call was is not known
// then, for portable calls are counted with the table at once.
void CallPin::ExitSlow(const ThreadRecord& record, CallCell& cell) noexcept {
  if (HandleTable::Forked()) return;
  if (record.portable) {
    cell.hazard.store(0, std::memory_order_seq_cst);
  } else {
    const Handle handle = cell.counted.load(std::memory_order_relaxed);
    if (record.slots[SlotOf(handle)].key.load(std::memory_order_seq_cst) == handle) return;
  }
  HandleTable::Get().PokeIfAwaited();
}

bool DepthExceeded() {
  return (tls_record != nullptr && tls_record->depth() >= kMaxDepth) ||
         (tls_async_scope != nullptr && tls_async_scope->depth() >= kMaxDepth);
}

thread_local constinit AsyncScope* tls_async_scope __attribute__((tls_model("initial-exec"))) =
    nullptr;

AsyncScope::AsyncScope(Callback& callback, std::uint64_t call_id) noexcept
    : callback_(callback),
      outer_(tls_async_scope),
      depth_(outer_ == nullptr ? 1 : outer_->depth_ + 1),
      pins_outside_(tls_record == nullptr ? 0 : tls_record->depth()),
      call_id_(call_id) {
  tls_async_scope = this;
}

AsyncScope::~AsyncScope() {
  tls_async_scope = outer_;
  if (HandleTable::Forked()) return;
  // Counted down, the callback may be gone at any moment.
  callback_.extra.load(std::memory_order_acquire)->calls.Drop();
  HandleTable& table = HandleTable::Get();
  if (table.reapers_awaiting_calls.load(std::memory_order_seq_cst) != 0) table.Poke();
}

namespace {

// Of a call through CallPin: record, depth and sequence name it; the top bits are those of no other sort.
std::uint64_t IdOfCell(const ThreadRecord& record, std::uint32_t index) noexcept {
  constexpr unsigned kSequenceBits = 35;
  constexpr unsigned kDepthBits = 6;
  const std::uint64_t sequence = record.cells[index].sequence.load(std::memory_order_relaxed);
  return std::uint64_t{record.number} << (kSequenceBits + kDepthBits) |
         std::uint64_t{index} << kSequenceBits |
         (sequence & ((std::uint64_t{1} << kSequenceBits) - 1));
}

// Steps outwards through cells and scopes.
class CallWalk {
 public:
  // 0 when there are no more.
  std::uint64_t Next() noexcept {
    const std::uint32_t cells_outside = scope_ == nullptr ? 0 : scope_->pins_outside();
    if (cells_ > cells_outside) return IdOfCell(*tls_record, --cells_);
    if (scope_ == nullptr) return 0;
    const std::uint64_t id = scope_->call_id();
    scope_ = scope_->outer();
    return id;
  }

 private:
  std::uint32_t cells_ = tls_record == nullptr ? 0 : tls_record->depth();
  const AsyncScope* scope_ = tls_async_scope;
};

}  // namespace

CallOfThread InnermostCall() noexcept {
  CallWalk walk;
  CallOfThread call;
  call.id = walk.Next();
  call.parent_id = walk.Next();
  call.depth = (tls_record == nullptr ? 0 : tls_record->depth()) +
               (tls_async_scope == nullptr ? 0 : tls_async_scope->depth());
  return call;
}

TransientPin::TransientPin(Handle handle) {
  if (HandleTable::Forked()) return;
  HandleTable& table = HandleTable::Get();
  record_ = table.Thread();
  if (record_ == nullptr) {
    table.spare_mutex().lock();
    record_ = &table.spare_record();
  }
  if (record_->slots == nullptr) return;
  Slot& slot = record_->slots[SlotOf(handle) & (HandleTable::kSlots - 1)];
  std::atomic<Handle>& hazard = record_->transients[record_->transient_depth++];
  SetHazard(*record_, hazard, handle);
  const std::uint64_t key = slot.key.load(std::memory_order_seq_cst);
  form_ = FormOf(key, SlotOf(handle));
  if (IsFormOf(key, handle) && form_ != Form::kRetired) {
    object_ = table.objects().Get(slot.object.load(std::memory_order_relaxed));
  } else {
    form_ = Form::kRetired;
    Withdraw();  // a useless hazard would only keep the reaper from what is retired
  }
}

void TransientPin::Withdraw() {
  if (record_->slots != nullptr)
    SetHazard(*record_, record_->transients[--record_->transient_depth], 0);
  HandleTable& table = HandleTable::Get();
  const bool is_spare = record_ == &table.spare_record();
  record_ = nullptr;
  table.PokeIfAwaited();
  if (is_spare) table.spare_mutex().unlock();
}

}  // namespace belay::registry
