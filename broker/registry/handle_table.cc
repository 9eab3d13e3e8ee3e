#include "broker/registry/handle_table.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <string>

#include "broker/registry/callback.h"

namespace belay::registry {
namespace {

using base::Code;
using base::Status;

constexpr std::size_t kHotBytes = std::size_t{HandleTable::kSlots} * sizeof(Slot);

Slot* g_slots = nullptr;

// The slots that are never used: whatever number is a form of their key leads elsewhere.
void CloseFirstSlots(Slot* slots) {
  for (std::uint32_t i = 0; i < HandleTable::kFirstSlot; ++i)
    slots[i].key.store(HandleTable::kFirstSlot, std::memory_order_relaxed);
}

// Reserves room for all slots: pages come into being, as zeros, when slots are first used.
Slot* MapSlots() {
  void* memory = ::mmap(nullptr, kHotBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  // Fewer misses of the translation buffer where a program has many handles.
  (void)::madvise(memory, kHotBytes, MADV_HUGEPAGE);
  auto* slots = static_cast<Slot*>(memory);
  CloseFirstSlots(slots);
  return slots;
}

std::string Explanation(Handle handle, Code code) {
  if (code == Code::kMalformed) return HandleText(handle) + " was never a handle of this process";
  return std::string("the ").append(KindName(KindOf(handle))) + " handle " + HandleText(handle) +
         " was released";
}

}  // namespace

constinit std::atomic<HandleTable*> HandleTable::instance_{nullptr};
constinit std::atomic<bool> HandleTable::forked_{false};
constinit std::atomic<std::uint32_t> HandleTable::waiting_reapers{0};

HandleTable& HandleTable::Make() {
  static HandleTable* const table = new HandleTable;
  instance_.store(table, std::memory_order_release);
  return *table;
}

Status HandleTable::ForkedStatus() {
  return Status(Code::kClosed, "this process is a fork of a process that used Belay", "FORKED");
}

HandleTable::HandleTable() : slots_(MapSlots()), fence_mode_(InitFence()) {
  g_slots = slots_;
  if (fence_mode_ == FenceMode::kPortable) no_waiters_ = 1;
  waiting_reapers.store(no_waiters_, std::memory_order_relaxed);
  spare_record_ = new ThreadRecord;
  spare_record_->slots = slots_;
  spare_record_->portable = true;
  records_.store(spare_record_, std::memory_order_release);
  pthread_key_create(&exit_key_, &HandleTable::OnThreadExit);
  pthread_atfork(nullptr, nullptr, &HandleTable::AfterForkInChild);
}

// Runs in a process that may have been forked in the middle of anything: system calls and plain stores only.
void HandleTable::AfterForkInChild() {
  forked_.store(true, std::memory_order_relaxed);
  if (g_slots == nullptr) return;
  // Fresh zeros over all slots: the fast path finds no key there and no other check is needed on it.
  ::mmap(g_slots, kHotBytes, PROT_READ | PROT_WRITE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  CloseFirstSlots(g_slots);
}

std::size_t HandleTable::Take(std::span<std::uint32_t> slots) noexcept {
  const std::lock_guard lock(mutex_);
  std::size_t taken = 0;
  for (; taken < slots.size() && free_head_ != 0; ++taken) {
    slots[taken] = free_head_;
    // It is written soon, and is to come from the processor that freed it.
    __builtin_prefetch(&slots_[free_head_], 1);
    free_head_ = cold(free_head_).next();
    if (free_head_ == 0) free_tail_ = 0;
  }
  std::uint32_t limit = limit_.load(std::memory_order_relaxed);
  for (; taken < slots.size() && slots_ != nullptr && limit != kSlots; ++taken) {
    auto& chunk = cold_[limit >> kChunkBits];
    if (chunk == nullptr) chunk.reset(new (std::nothrow) ColdSlot[kChunkSlots]);
    if (chunk == nullptr) break;
    slots[taken] = limit++;
  }
  limit_.store(limit,
               std::memory_order_release);  // release: readers below the limit find the chunk
  return taken;
}

void HandleTable::PutBack(std::span<const std::uint32_t> slots) noexcept {
  const std::lock_guard lock(mutex_);
  for (const std::uint32_t number : slots) PushFree(number);
}

void HandleTable::PushFree(std::uint32_t number) noexcept {
  cold(number).next() = 0;
  if (free_tail_ == 0) {
    free_head_ = number;
  } else {
    cold(free_tail_).next() = number;
  }
  free_tail_ = number;
}

Status HandleTable::Exhausted() {
  return Status(Code::kResourceExhausted,
                "the handle table is full (" + std::to_string(kSlots - kFirstSlot) +
                    " handles can be open), or there is no memory for more",
                "HANDLE_TABLE_FULL");
}

Handle HandleTable::Publish(std::uint32_t number, Object& object, NativeFunction function,
                            void* context, Form form, std::uint32_t created_ticks) noexcept {
  Slot& hot = slots_[number];
  const std::uint32_t generation = GenerationOf(hot.key.load(std::memory_order_relaxed)) + 1;
  const Handle handle = MakeHandle(object.kind, generation, number);
  object.AddReference();
  hot.function = function;
  hot.context = context;
  hot.created_ticks = created_ticks;
  // release, both: whoever reads this key, or finds the slot taken, sees the fields above.
  hot.object.store(object.id, std::memory_order_release);
  hot.key.store(KeyOf(handle, form), std::memory_order_release);
  return handle;
}

// Sequentially consistent for the portable fence mode: see fence.h.
void HandleTable::SetForm(std::uint32_t number, Form form) {
  slots_[number].key.store(KeyOf(handle_of(number), form), std::memory_order_seq_cst);
}

void HandleTable::Free(std::span<const std::uint32_t> slots) {
  const std::lock_guard lock(mutex_);
  for (const std::uint32_t number : slots) {
    Slot& hot = slots_[number];
    if (KindOf(handle_of(number)) == Kind::kCallback) {
      const std::uint64_t calls = SumCounts(number);
      if (calls != 0) objects_.AddCalls(hot.object.load(std::memory_order_relaxed), calls);
    }
    hot.object.store(0, std::memory_order_relaxed);
    if (GenerationOf(handle_of(number)) == kMaxGeneration) continue;  // retires for good (R1)
    PushFree(number);
  }
}

Status HandleTable::Explain(Handle handle) {
  const auto kind = static_cast<std::uint8_t>(KindOf(handle));
  const std::uint32_t number = SlotOf(handle);
  if (handle == 0) return Status(Code::kMalformed, "0: no handle");
  bool issued = kind >= 1 && kind <= kLastKind && number >= kFirstSlot && number < limit();
  if (issued) {
    const Handle newest = handle_of(number);
    issued = GenerationOf(handle) != 0 &&
             (handle == newest || GenerationOf(handle) < GenerationOf(newest));
  }
  const Code code = issued ? Code::kStale : Code::kMalformed;
  try {
    return Status(code, Explanation(handle, code));
  } catch (const std::bad_alloc&) {
    return Status(code, {});  // a release must be told what it was, if not in words (R6)
  }
}
template <typename Fn>
void HandleTable::ForEachHazard(Fn fn) {
  // A hazard holds whatever number a caller passed.
  const auto visit = [&](Handle hazard, bool is_call) {
    const std::uint32_t number = SlotOf(hazard);
    if (hazard == 0 || number >= limit() ||
        slots_[number].object.load(std::memory_order_acquire) == 0)
      return;
    if (IsFormOf(slots_[number].key.load(std::memory_order_relaxed), hazard)) fn(number, is_call);
  };
  // seq_cst throughout: includes the acquire by which what a finished call did happens before what the
  // scanner does next, and makes a scan that misses a record or a raised high_water one that began first.
  for (ThreadRecord* record = records_.load(std::memory_order_seq_cst); record != nullptr;
       record = record->next.load(std::memory_order_relaxed)) {
    const std::uint32_t reach = record->high_water.load(std::memory_order_seq_cst);
    for (std::uint32_t i = 0; i < reach; ++i)
      visit(record->cells[i].hazard.load(std::memory_order_seq_cst), true);
    for (const auto& hazard : record->transients)
      visit(hazard.load(std::memory_order_seq_cst), false);
  }
}

void HandleTable::Scan(HazardScan& scan) {
  scan.Begin();
  {
    const std::lock_guard lock(mutex_);
    ForEachHazard([&](std::uint32_t number, bool is_call) {
      scan.Add(scan.slots_, number);
      if (is_call) scan.Add(scan.objects_, slots_[number].object.load(std::memory_order_relaxed));
    });
  }
  scan.End();
}

std::uint64_t HandleTable::CountCalls(std::uint32_t object) {
  const std::lock_guard lock(mutex_);
  std::uint64_t count = 0;
  ForEachHazard([&](std::uint32_t number, bool is_call) {
    if (is_call && slots_[number].object.load(std::memory_order_acquire) == object) ++count;
  });
  return count;
}

void HandleTable::ForEach(std::uint32_t from, std::uint32_t to,
                          const std::function<void(std::uint32_t, Object&)>& fn) {
  const std::uint32_t end = std::min(to, limit());
  const std::lock_guard lock(mutex_);
  for (std::uint32_t number = std::max(from, kFirstSlot); number < end; ++number) {
    if (slots_[number].object.load(std::memory_order_acquire) != 0) fn(number, object_of(number));
  }
}

void HandleTable::ForEachCall(
    const std::function<void(const ThreadRecord&, std::uint32_t, Handle)>& fn) {
  for (const ThreadRecord* record = records_.load(std::memory_order_acquire); record != nullptr;
       record = record->next.load(std::memory_order_relaxed)) {
    const std::uint32_t reach = record->high_water.load(std::memory_order_acquire);
    for (std::uint32_t depth = 0; depth < reach; ++depth) {
      const Handle hazard = record->cells[depth].hazard.load(std::memory_order_acquire);
      if (hazard != 0) fn(*record, depth, hazard);
    }
  }
}

std::uint64_t HandleTable::epoch() {
  const std::lock_guard lock(event_mutex_);
  return epoch_;
}

void HandleTable::Poke() {
  {
    const std::lock_guard lock(event_mutex_);
    ++epoch_;
  }
  event_.notify_all();
}

bool HandleTable::WaitForPoke(std::uint64_t seen, std::int64_t timeout_ns) {
  std::unique_lock lock(event_mutex_);
  const auto poked = [&] { return epoch_ != seen; };
  if (timeout_ns == kForEver) {
    event_.wait(lock, poked);
    return true;
  }
  return event_.wait_for(lock, std::chrono::nanoseconds(timeout_ns), poked);
}

}  // namespace belay::registry
