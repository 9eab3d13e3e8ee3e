// Two threads that make their first call at one moment: neither's record is lost, and with it its hazards (R5).
//
// The race is decided by a single instruction. So one thread is stepped through its own (the trap flag of x86),
// until its record points to the one that was the first of the list; before its next instruction, which would put
// the record there, the other thread is let by.
#include <sys/ucontext.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <new>
#include <thread>

#include "broker/registry/test_util.h"

namespace {

using belay::registry::HandleTable;
using belay::registry::ThreadRecord;

constexpr unsigned long long kTrapFlag = 0x100;

thread_local constinit bool is_stepped = false;
std::atomic<ThreadRecord*> stepped_record{nullptr};
std::atomic<bool> other_may_go{false};
std::atomic<bool> other_is_through{false};

// Before each instruction of the stepped thread.
void OnStep(int, siginfo_t*, void* context) {
  const ThreadRecord* const record = stepped_record.load();
  if (record == nullptr || record->next.load() == nullptr) return;
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] &= ~static_cast<greg_t>(kTrapFlag);
  other_may_go = true;
  while (!other_is_through) std::this_thread::yield();
}

}  // namespace

// Where a record is, before it says so itself.
[[gnu::noinline]] void* operator new(std::size_t size_bytes, std::align_val_t alignment) {
  void* const memory = std::aligned_alloc(static_cast<std::size_t>(alignment), size_bytes);
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0, size_bytes);
  if (is_stepped && size_bytes == sizeof(ThreadRecord))
    stepped_record = static_cast<ThreadRecord*>(memory);
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace belay::registry {
namespace {

class RecordRaceTest : public RegistryTest {};

TEST_F(RecordRaceTest, R5_OfTwoNewRecordsNoneIsLost) {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_sigaction = &OnStep;
  action.sa_flags = SA_SIGINFO;
  ASSERT_EQ(::sigaction(SIGTRAP, &action, &before), 0);

  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  std::atomic<int> entered{0};
  Event both;
  Event go;
  probe.body = [&] {
    if (++entered == 2) both.Set();
    EXPECT_TRUE(go.Wait());
  };
  std::thread other([&] {
    while (!other_may_go) std::this_thread::yield();
    (void)HandleTable::Get().Thread();
    other_is_through = true;
    EXPECT_TRUE(Call(handle).ok());
  });
  std::thread stepped([&] {
    is_stepped = true;
    __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | kTrapFlag);
    const ThreadRecord* const record = HandleTable::Get().Thread();
    EXPECT_EQ(record, stepped_record.load());
    EXPECT_TRUE(other_is_through.load()) << "the race did not take place";
    other_may_go = true;
    EXPECT_TRUE(Call(handle).ok());
  });
  EXPECT_TRUE(both.Wait());
  EXPECT_EQ(registry_->RunningCalls(0).size(), 2U);
  go.Set();
  other.join();
  stepped.join();
  ASSERT_EQ(::sigaction(SIGTRAP, &before, nullptr), 0);
}

}  // namespace
}  // namespace belay::registry
