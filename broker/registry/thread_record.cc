// The threads' side of the handle table: records come and go with threads, and count calls.
#include "broker/registry/thread_record.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broker/registry/handle_table.h"
#include "broker/registry/object.h"

namespace belay::registry {

thread_local constinit ThreadRecord* tls_record __attribute__((tls_model("initial-exec"))) =
    nullptr;

ThreadRecord& HandleTable::Thread() {
  if (tls_record != nullptr) return *tls_record;
  ThreadRecord* record = records_.load(std::memory_order_acquire);
  for (; record != nullptr; record = record->next.load(std::memory_order_relaxed)) {
    bool free = false;
    // acquire: what the record's last thread wrote to it is seen by the next.
    if (record->in_use.compare_exchange_strong(free, true, std::memory_order_acquire)) break;
  }
  if (record == nullptr) {
    record = new ThreadRecord;
    record->slots = slots_;
    record->portable = fence_mode_ == FenceMode::kPortable;
    ThreadRecord* head = records_.load(std::memory_order_relaxed);
    do {
      record->next.store(head, std::memory_order_relaxed);
      // seq_cst: a scan that does not see the record began before any hazard in it was published.
    } while (!records_.compare_exchange_weak(head, record, std::memory_order_seq_cst));
  }
  record->thread_id.store(static_cast<pid_t>(::syscall(SYS_gettid)), std::memory_order_relaxed);
  tls_record = record;
  pthread_setspecific(exit_key_, record);
  return *record;
}

// A thread that leaves from inside a callback (pthread_exit) is out of all its calls now.
void HandleTable::OnThreadExit(void* value) {
  if (Forked()) return;
  auto& record = *static_cast<ThreadRecord*>(value);
  HandleTable& table = Get();
  for (auto& hazard : record.hazards) hazard.store(0, std::memory_order_seq_cst);
  record.depth = 0;
  record.transient_depth = 0;
  for (auto& count : record.counts) table.FlushCount(count);
  tls_record = nullptr;
  record.in_use.store(false, std::memory_order_release);
  if (table.waiting_reapers.load(std::memory_order_seq_cst) != 0) table.Poke();
}

// Whether the handle is still the slot's is asked under the mutex under which Free() collects counts, so
// no call is counted twice or lost.
void HandleTable::FlushCount(CallCount& count) {
  const std::lock_guard lock(mutex_);
  const Handle handle = count.handle.load(std::memory_order_relaxed);
  const std::uint32_t number = SlotOf(handle);
  if (handle != 0 && cold(number).handle == handle) {
    slots_[number].object->calls.fetch_add(count.calls.load(std::memory_order_relaxed),
                                           std::memory_order_relaxed);
  }
  count.handle.store(0, std::memory_order_relaxed);
  count.calls.store(0, std::memory_order_relaxed);
}

void HandleTable::ClaimCount(ThreadRecord& record, Handle handle) {
  CallCount& count = record.counts[SlotOf(handle) % kCallCounts];
  FlushCount(count);
  const std::lock_guard lock(mutex_);
  count.handle.store(handle, std::memory_order_relaxed);
  count.calls.store(1, std::memory_order_relaxed);
}

std::uint64_t HandleTable::UncollectedCalls(std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  return SumCounts(number);
}

std::uint64_t HandleTable::SumCounts(std::uint32_t number) {
  const Handle handle = cold(number).handle;
  std::uint64_t calls = 0;
  for (ThreadRecord* record = records_.load(std::memory_order_acquire); record != nullptr;
       record = record->next.load(std::memory_order_relaxed)) {
    const CallCount& count = record->counts[number % kCallCounts];
    if (count.handle.load(std::memory_order_relaxed) == handle)
      calls += count.calls.load(std::memory_order_relaxed);
  }
  return calls;
}

}  // namespace belay::registry
