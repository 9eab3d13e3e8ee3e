// R6: with no memory left, executors still take release functions, and still close.
//
// This file replaces the operators new and delete of the test's process; they fail on a thread that holds
// a NoMemory.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <new>

#include "broker/registry/executor_test_util.h"
#include "broker/registry/pool.h"
#include "broker/registry/queue.h"
#include "broker/registry/strand.h"

namespace {

thread_local bool no_memory = false;

struct NoMemory {
  NoMemory() { no_memory = true; }
  NoMemory(const NoMemory&) = delete;
  NoMemory& operator=(const NoMemory&) = delete;
  ~NoMemory() { no_memory = false; }
};

}  // namespace

// Not inlined: compilers take an inlined free() for a mistake.
[[gnu::noinline]] void* operator new(std::size_t size_bytes) {
  void* const memory = no_memory ? nullptr : std::malloc(size_bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace belay::registry {
namespace {

TEST(ExecutorMemory, TheTestCanFail) {
  const NoMemory no_memory_here;
  // Called by name: a new-expression might be optimized away.
  EXPECT_THROW(::operator delete(::operator new(1)), std::bad_alloc);
}

TEST(ExecutorMemory, R6_APoolTakesReleaseFunctions) {
  Pool pool({.name = "p"}, 2);
  FakeWork call;
  ASSERT_TRUE(pool.Enqueue(&call).ok());
  ASSERT_TRUE(call.WaitRan());
  FakeWork release(Work::Kind::kRelease);
  bool taken = false;
  {
    const NoMemory no_memory_here;
    taken = pool.EnqueueRelease(&release);
  }
  ASSERT_TRUE(taken);
  EXPECT_TRUE(release.WaitRan());
}

TEST(ExecutorMemory, R6_APoolWithoutThreadsSaysSo) {
  Pool pool({.name = "p"}, 2);
  FakeWork release(Work::Kind::kRelease);
  bool taken = true;
  {
    const NoMemory no_memory_here;
    taken = pool.EnqueueRelease(&release);
  }
  EXPECT_FALSE(taken);
  EXPECT_EQ(release.ends(), 0) << "it is the caller's to run";
}

TEST(ExecutorMemory, R6_AStrandTakesReleaseFunctions) {
  const auto pool = std::make_shared<Pool>(ExecutorOptions{.name = "p"}, 1);
  Strand strand({.name = "s"}, pool);
  FakeWork call;
  ASSERT_TRUE(strand.Enqueue(&call).ok());
  ASSERT_TRUE(call.WaitRan());
  FakeWork release(Work::Kind::kRelease);
  bool taken = false;
  {
    const NoMemory no_memory_here;
    taken = strand.EnqueueRelease(&release);
  }
  ASSERT_TRUE(taken);
  EXPECT_TRUE(release.WaitRan());
  pool->Close();
}

TEST(ExecutorMemory, R6_AQueueTakesReleaseFunctionsAndCloses) {
  Queue queue({.name = "q"});
  FakeWork polled(Work::Kind::kRelease);
  FakeWork left(Work::Kind::kRelease);
  bool taken = false;
  {
    const NoMemory no_memory_here;
    taken = queue.EnqueueRelease(&polled) && queue.EnqueueRelease(&left);
    Work* out = nullptr;
    if (queue.Poll({&out, 1}, Queue::kForever).count == 1) out->Run();
  }
  ASSERT_TRUE(taken);
  EXPECT_TRUE(polled.WaitRan());
  queue.Close();
  EXPECT_EQ(left.WaitRefused().code(), base::Code::kClosed);
}

}  // namespace
}  // namespace belay::registry
