// The threads' side of the handle table: records come and go with threads, and count calls.
#include "broker/registry/thread_record.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <new>
#include <thread>

#include "broker/registry/callback.h"
#include "broker/registry/handle_table.h"
#include "broker/registry/pause.h"

namespace belay::registry {
namespace {

// A count is read again while its thread moves it: a few stores, unless the system has taken the processor away in
// mid-move, so that after some reads only sleeping helps.
constexpr int kQuickReads = 1000;
constexpr std::chrono::microseconds kNap{50};
// About a second. Only a debugger stops a thread for so long, and who lists callbacks meanwhile must not hang.
constexpr int kMostNaps = 10'000;

}  // namespace

thread_local constinit ThreadRecord* tls_record __attribute__((tls_model("initial-exec"))) =
    nullptr;

std::uint64_t ThreadRecord::CountOf(Handle handle) const noexcept {
  std::uint64_t calls = 0;
  for (int read = 0; read < kQuickReads; ++read)
    if (TryCountOf(handle, &calls)) return calls;
  for (int nap = 0; nap < kMostNaps; ++nap) {
    Pause(PausePoint::kCountBeforeNap);
    std::this_thread::sleep_for(kNap);
    if (TryCountOf(handle, &calls)) return calls;
  }
  return calls;
}

// A sequence lock whose data are atomic: a change seen by an acquire load brings the odd `moves` before it along, so
// that the last load here sees it.
bool ThreadRecord::TryCountOf(Handle handle, std::uint64_t* calls) const noexcept {
  const std::uint64_t before = moves.load(std::memory_order_acquire);
  *calls = counts.Find(handle);
  const std::uint32_t reach = high_water.load(std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < reach; ++i) {
    const CallCell& cell = cells[i];
    if (cell.counted.load(std::memory_order_acquire) != handle) continue;
    const std::uint64_t from = cell.counted_from.load(std::memory_order_acquire);
    *calls += cell.sequence.load(std::memory_order_acquire) - from;
  }
  return before % 2 == 0 && moves.load(std::memory_order_relaxed) == before;
}

ThreadRecord* HandleTable::Thread() noexcept {
  if (tls_record != nullptr) return tls_record;
  ThreadRecord* record = records_.load(std::memory_order_acquire);
  for (; record != nullptr; record = record->next.load(std::memory_order_relaxed)) {
    bool free = false;
    // acquire: what the record's last thread wrote to it is seen by the next.
    if (record->in_use.compare_exchange_strong(free, true, std::memory_order_acquire)) break;
  }
  if (record == nullptr) {
    record = new (std::nothrow) ThreadRecord;
    if (record == nullptr) return nullptr;
    record->slots = slots_;
    record->portable = fence_mode_ == FenceMode::kPortable;
    record->number = record_count_.fetch_add(1, std::memory_order_relaxed) + 1;
    ThreadRecord* head = records_.load(std::memory_order_relaxed);
    do {
      record->next.store(head, std::memory_order_relaxed);
      // seq_cst: a scan that does not see the record began before any hazard in it was published.
    } while (!records_.compare_exchange_weak(head, record, std::memory_order_seq_cst));
  }
  record->thread_id.store(static_cast<pid_t>(::syscall(SYS_gettid)), std::memory_order_relaxed);
  tls_record = record;
  pthread_setspecific(exit_key_, record);
  return record;
}

// A thread that leaves from inside a callback (pthread_exit) is out of all its calls now.
void HandleTable::OnThreadExit(void* value) {
  if (Forked()) return;
  auto& record = *static_cast<ThreadRecord*>(value);
  HandleTable& table = Get();
  for (CallCell& cell : record.cells) {
    cell.hazard.store(0, std::memory_order_seq_cst);
    table.MoveCount(record, cell, 0);
  }
  for (auto& hazard : record.transients) hazard.store(0, std::memory_order_seq_cst);
  record.top = record.cells.data();
  record.transient_depth = 0;
  table.MergeCounts(record);
  record.counts.ListAll();
  table.FlushCounts(record);
  tls_record = nullptr;
  record.in_use.store(false, std::memory_order_release);
  table.PokeIfAwaited();
}

void HandleTable::MoveCount(ThreadRecord& record, CallCell& cell, Handle next) noexcept {
  if (record.counts.log_full()) MergeCounts(record);
  record.LogCount(cell, next);
}

void HandleTable::MergeCounts(ThreadRecord& record) noexcept {
  const std::uint64_t moves = record.moves.load(std::memory_order_relaxed);
  record.moves.store(moves + 1, std::memory_order_relaxed);
  record.counts.MergeLog();
  record.moves.store(moves + 2, std::memory_order_release);
  if (record.counts.has_list()) FlushCounts(record);
}

// Whether a handle is still its slot's is asked under the mutex under which Free() collects counts, so
// no call is counted twice or lost.
void HandleTable::FlushCounts(ThreadRecord& record) noexcept {
  const std::lock_guard lock(mutex_);
  // 0: the handle is gone, and its counts with it.
  const auto callback_of = [this](Handle handle) -> std::uint32_t {
    const Slot& slot = slots_[SlotOf(handle)];
    const std::uint32_t id = slot.object.load(std::memory_order_acquire);
    const bool is_current = IsFormOf(slot.key.load(std::memory_order_relaxed), handle);
    return is_current ? id : 0;
  };
  // A thread that calls very many callbacks comes here often, and their totals are far: all are sent for
  // before the first is waited for.
  record.counts.ForEachListed([&](Handle handle, std::uint64_t) {
    if (const std::uint32_t id = callback_of(handle)) __builtin_prefetch(&objects_.calls(id), 1);
  });
  const std::uint64_t moves = record.moves.load(std::memory_order_relaxed);
  record.moves.store(moves + 1, std::memory_order_relaxed);
  record.counts.ForEachListed([&](Handle handle, std::uint64_t calls) {
    if (const std::uint32_t id = callback_of(handle)) objects_.AddCalls(id, calls);
  });
  record.counts.ClearList();
  record.moves.store(moves + 2, std::memory_order_release);
}

std::uint64_t HandleTable::UncollectedCalls(std::uint32_t number) noexcept {
  const std::lock_guard lock(mutex_);
  return SumCounts(number);
}

std::uint64_t HandleTable::SumCounts(std::uint32_t number) const noexcept {
  const Handle handle = HandleOf(slots_[number].key.load(std::memory_order_relaxed), number);
  std::uint64_t calls = 0;
  for (const ThreadRecord* record = records_.load(std::memory_order_acquire); record != nullptr;
       record = record->next.load(std::memory_order_relaxed)) {
    calls += record->CountOf(handle);
  }
  return calls;
}

}  // namespace belay::registry
