#include "broker/registry/handle_table.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <new>
#include <string>

#include "broker/registry/object.h"

namespace belay::registry {
namespace {

using base::Code;
using base::Status;

constexpr std::size_t kHotBytes = std::size_t{HandleTable::kSlots} * sizeof(Slot);

// Slot 0 is never used; its key is one that no handle leading to it can equal.
constexpr std::uint64_t kNoKey = 1;

std::atomic<bool> g_forked{false};
Slot* g_slots = nullptr;

// Reserves room for all slots: pages come into being, as zeros, when slots are first used.
Slot* MapSlots() {
  void* memory = ::mmap(nullptr, kHotBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* slots = static_cast<Slot*>(memory);
  slots[0].key.store(kNoKey, std::memory_order_relaxed);
  return slots;
}

}  // namespace

HandleTable& HandleTable::Get() {
  static HandleTable* const table = new HandleTable;
  return *table;
}

bool HandleTable::Forked() noexcept { return g_forked.load(std::memory_order_relaxed); }

Status HandleTable::ForkedStatus() {
  return Status(Code::kClosed, "this process is a fork of a process that used Belay", "FORKED");
}

HandleTable::HandleTable() : slots_(MapSlots()), fence_mode_(InitFence()) {
  g_slots = slots_;
  pthread_key_create(&exit_key_, &HandleTable::OnThreadExit);
  pthread_atfork(nullptr, nullptr, &HandleTable::AfterForkInChild);
}

// Runs in a process that may have been forked in the middle of anything: system calls and plain stores only.
void HandleTable::AfterForkInChild() {
  g_forked.store(true, std::memory_order_relaxed);
  if (g_slots == nullptr) return;
  // Fresh zeros over all slots: the fast path finds no key there and no other check is needed on it.
  ::mmap(g_slots, kHotBytes, PROT_READ | PROT_WRITE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  g_slots[0].key.store(kNoKey, std::memory_order_relaxed);
}

base::Result<Handle> HandleTable::Allocate(Kind kind, Object* object, NativeFunction function,
                                           void* context, CallPath path) {
  const std::lock_guard lock(mutex_);
  std::uint32_t number = free_head_;
  if (number != 0) {
    free_head_ = cold(number).next_free;
    if (free_head_ == 0) free_tail_ = 0;
  } else {
    number = limit_.load(std::memory_order_relaxed);
    if (slots_ == nullptr || number == kSlots) {
      return Status(Code::kResourceExhausted,
                    "the handle table is full: " + std::to_string(kSlots - 1) + " handles are open",
                    "HANDLE_TABLE_FULL");
    }
    auto& chunk = cold_[number >> kChunkBits];
    if (chunk == nullptr) chunk.reset(new (std::nothrow) ColdSlot[kChunkSlots]);
    if (chunk == nullptr)
      return Status(Code::kResourceExhausted, "out of memory for the handle table");
    limit_.store(number + 1,
                 std::memory_order_release);  // release: readers below the limit find the chunk
  }
  ColdSlot& cold_slot = cold(number);
  const Handle handle = MakeHandle(kind, ++cold_slot.generation, number);
  cold_slot.handle = handle;
  object->AddReference();
  Slot& hot = slots_[number];
  hot.function = function;
  hot.context = context;
  hot.object = object;
  // release: whoever reads this key sees the three fields above.
  hot.key.store(path == CallPath::kFast ? handle : SlowKey(handle), std::memory_order_release);
  return handle;
}

// Both are sequentially consistent for the portable fence mode: see fence.h.
void HandleTable::Retire(std::uint32_t number) {
  slots_[number].key.store(0, std::memory_order_seq_cst);
}

void HandleTable::MarkSlow(std::uint32_t number) {
  Slot& hot = slots_[number];
  const Handle handle = cold(number).handle;  // stable: the caller's registry keeps the slot live
  if (hot.key.load(std::memory_order_relaxed) == handle)
    hot.key.store(SlowKey(handle), std::memory_order_seq_cst);
}

void HandleTable::Free(std::uint32_t number, std::atomic<std::uint64_t>& calls) {
  const std::lock_guard lock(mutex_);
  calls.fetch_add(SumCounts(number), std::memory_order_relaxed);
  ColdSlot& cold_slot = cold(number);
  cold_slot.handle = 0;
  if (cold_slot.generation == kMaxGeneration) return;  // the slot retires for good (R1)
  cold_slot.next_free = 0;
  (free_tail_ == 0 ? free_head_ : cold(free_tail_).next_free) = number;
  free_tail_ = number;
}

Status HandleTable::Explain(Handle handle) {
  const auto kind = static_cast<std::uint8_t>(KindOf(handle));
  const std::uint32_t number = SlotOf(handle);
  if (handle == 0) return Status(Code::kMalformed, "the handle is 0, which is no handle");
  bool issued = kind >= 1 && kind <= kLastKind && number != 0 && number < limit();
  if (issued) {
    const std::lock_guard lock(mutex_);
    const ColdSlot& cold_slot = cold(number);
    const bool current =
        cold_slot.handle != 0 && GenerationOf(cold_slot.handle) == GenerationOf(handle);
    issued = GenerationOf(handle) != 0 && GenerationOf(handle) <= cold_slot.generation &&
             (!current || cold_slot.handle == handle);
  }
  char text[20];
  std::snprintf(text, sizeof text, "0x%016llx", static_cast<unsigned long long>(handle));
  if (!issued)
    return Status(Code::kMalformed, std::string(text) + " was never a handle of this process");
  return Status(Code::kStale, std::string("the ").append(KindName(KindOf(handle))) + " handle " +
                                  text + " was released");
}

template <typename Fn>
void HandleTable::ForEachHazard(Fn fn) {
  // seq_cst throughout: includes the acquire by which what a finished call did happens before what the
  // scanner does next, and makes a scan that misses a record or a raised high_water one that began first.
  for (ThreadRecord* record = records_.load(std::memory_order_seq_cst); record != nullptr;
       record = record->next.load(std::memory_order_relaxed)) {
    const auto visit = [&](std::uint32_t begin, std::uint32_t end) {
      for (std::uint32_t i = begin; i < end; ++i) {
        const Handle hazard = record->hazards[i].load(std::memory_order_seq_cst);
        const std::uint32_t number = SlotOf(hazard);
        // A hazard holds whatever number a caller passed.
        if (hazard != 0 && number < limit() && cold(number).handle == hazard)
          fn(number, i < kMaxDepth);
      }
    };
    visit(0, record->high_water.load(std::memory_order_seq_cst));
    visit(kMaxDepth, kMaxDepth + kTransientPins);
  }
}

std::uint64_t HandleTable::MarkHazards() {
  const std::lock_guard lock(mutex_);
  const std::uint64_t mark = ++scan_mark_;
  ForEachHazard([&](std::uint32_t number, bool is_call) {
    cold(number).scan_mark.store(mark, std::memory_order_relaxed);
    if (is_call) slots_[number].object->scan_mark.store(mark, std::memory_order_relaxed);
  });
  return mark;
}

std::uint64_t HandleTable::CountCalls(const Object& object) {
  const std::lock_guard lock(mutex_);
  std::uint64_t count = 0;
  ForEachHazard([&](std::uint32_t number, bool is_call) {
    if (is_call && slots_[number].object == &object) ++count;
  });
  return count;
}

void HandleTable::ForEach(std::uint32_t from, std::uint32_t to,
                          const std::function<void(std::uint32_t, Handle)>& fn) {
  const std::uint32_t end = std::min(to, limit());
  const std::lock_guard lock(mutex_);
  for (std::uint32_t number = std::max(from, 1U); number < end; ++number) {
    if (cold(number).handle != 0) fn(number, cold(number).handle);
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

void HandleTable::WaitForPoke(std::uint64_t seen) {
  std::unique_lock lock(event_mutex_);
  event_.wait(lock, [&] { return epoch_ != seen; });
}

}  // namespace belay::registry
