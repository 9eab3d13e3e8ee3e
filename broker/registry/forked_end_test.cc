// The end of a thread in a forked child (R13).
#include <pthread.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

// The hand that would count calls finds another thread's lock, which in the child nobody ever lets go.
TEST_F(RegistryTest, R13_AThreadThatEndsInTheChildCountsNothing) {
  const Handle handle = Register(alice_, NewProbe());
  HandleTable& table = HandleTable::Get();
  Event held;
  Event go;
  std::thread holder([&] {
    table.ForEach(SlotOf(handle), SlotOf(handle) + 1, [&](std::uint32_t, Object&) {
      held.Set();
      EXPECT_TRUE(go.Wait());
    });
  });
  EXPECT_TRUE(held.Wait());
  pid_t child = -1;
  Event forked;
  std::thread forking([&] {
    EXPECT_TRUE(Call(handle).ok());
    child = ::fork();
    if (child != 0) {
      forked.Set();
      return;
    }
    ::alarm(10);                      // instead of a hang
    std::atexit([] { ::_exit(0); });  // the end of the last thread is that of the process
    ::pthread_exit(nullptr);
  });
  EXPECT_TRUE(forked.Wait());
  EXPECT_EQ(WaitFor(child), 0);
  go.Set();  // in the parent the thread counts, and waits for the lock
  forking.join();
  holder.join();
}

}  // namespace
}  // namespace belay::registry
