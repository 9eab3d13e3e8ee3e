// Threads and processes that end, fork or are interrupted in the middle of calls (R9, R13).
#include <pthread.h>
#include <sys/time.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include "broker/registry/pool.h"
#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;

class EndingsTest : public RegistryTest {
 protected:
  static std::shared_ptr<Pool> NewPool() {
    return std::make_shared<Pool>(ExecutorOptions{.name = "test"}, 1);
  }
};

// Checks at its end that the thread is in no call: before the thread's own end, which would clear them all.
struct OutOfItsCalls {
  ~OutOfItsCalls() { EXPECT_EQ(tls_record->depth(), 0U) << "the unwinding ends the call"; }
};

TEST_F(EndingsTest, R9_ACancelledThreadIsOutOfItsCall) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  Event entered;
  Event cancelled;
  probe.body = [&] {
    // Cancelled here and nowhere else: not in the middle of a wait, which ThreadSanitizer would lose track of.
    int before = 0;
    ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    entered.Set();
    EXPECT_TRUE(cancelled.Wait());
    ::pthread_setcancelstate(before, nullptr);
    ::pthread_testcancel();
    ADD_FAILURE() << "not cancelled";
  };
  pthread_t thread{};
  Handle copy = handle;
  ASSERT_EQ(::pthread_create(
                &thread, nullptr,
                [](void* argument) -> void* {
                  const OutOfItsCalls out;
                  (void)Call(*static_cast<Handle*>(argument));
                  return nullptr;
                },
                &copy),
            0);
  ASSERT_TRUE(entered.Wait());
  ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
  ASSERT_EQ(::pthread_cancel(thread), 0);
  cancelled.Set();
  void* result = nullptr;
  ASSERT_EQ(::pthread_join(thread, &result), 0);
  EXPECT_EQ(result, PTHREAD_CANCELED);
  EXPECT_TRUE(Registry::Drain(handle, kPatienceNs).ok());
}

using EndingsDeathTest = EndingsTest;

// Each in a process of its own, which opens what it needs.
Ref<Registry> OpenInDeath() { return *Registry::Open({}); }

TEST_F(EndingsDeathTest, R9_ExitInsideACallEndsTheProcessWhereverItRuns) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  static Probe probe;
  probe.body = [] { std::exit(3); };
  EXPECT_EXIT(
      {
        const Ref<Registry> registry = OpenInDeath();
        (void)Call(*Registry::Register(registry->handle(), probe.Spec()));
      },
      ::testing::ExitedWithCode(3), "")
      << "inline";
  EXPECT_EXIT(
      {
        const Ref<Registry> registry = OpenInDeath();
        const auto pool = NewPool();
        CallbackSpec spec = probe.Spec();
        spec.executor = pool.get();
        (void)Registry::Invoke(*Registry::Register(registry->handle(), std::move(spec)), {});
      },
      ::testing::ExitedWithCode(3), "")
      << "on a pool";
  static Probe last;
  last.on_release = [] { std::exit(4); };
  EXPECT_EXIT(
      {
        const Ref<Registry> registry = OpenInDeath();
        const Handle handle = *Registry::Register(registry->handle(), last.Spec());
        (void)Registry::Release(handle);
        while (true) ::pause();
      },
      ::testing::ExitedWithCode(4), "")
      << "in a release function";
}

TEST_F(EndingsDeathTest, R9_AThreadOfAnExecutorIsNotTheCallbacksToEnd) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  static Probe probe;
  probe.body = [] { ::pthread_exit(nullptr); };
  EXPECT_DEATH(
      {
        const Ref<Registry> registry = OpenInDeath();
        const auto pool = NewPool();
        CallbackSpec spec = probe.Spec("quitter");
        spec.executor = pool.get();
        (void)Registry::Invoke(*Registry::Register(registry->handle(), std::move(spec)), {});
      },
      "callback \"quitter\" ended the thread of its executor");
}

// Interrupts the process every 200 us while it lives.
class SignalStorm {
 public:
  SignalStorm() {
    struct sigaction action {};
    action.sa_handler = [](int) { ++signals; };
    ::sigaction(SIGALRM, &action, &before_);
    const itimerval often{{0, 200}, {0, 200}};
    ::setitimer(ITIMER_REAL, &often, nullptr);
  }
  SignalStorm(const SignalStorm&) = delete;
  SignalStorm& operator=(const SignalStorm&) = delete;
  ~SignalStorm() {
    const itimerval never{};
    ::setitimer(ITIMER_REAL, &never, nullptr);
    ::sigaction(SIGALRM, &before_, nullptr);
  }
  static inline std::atomic<int> signals{0};

 private:
  struct sigaction before_ {};
};

TEST_F(EndingsTest, R9_SignalsDuringCallsChangeNothing) {
  const SignalStorm storm;
  Probe& probe = NewProbe();
  const Handle kept = Register(alice_, probe);
  int calls = 0;
  while (SignalStorm::signals.load() < 100) {
    EXPECT_TRUE(Call(kept).ok());
    ++calls;
    Probe mine;
    const Handle handle = Register(alice_, mine);
    EXPECT_TRUE(Call(handle).ok());
    EXPECT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
    EXPECT_TRUE(Registry::Drain(handle, kPatienceNs).ok());
    EXPECT_TRUE(Registry::Release(handle).ok());
    EXPECT_EQ(mine.releases.load(), 1);
  }
  EXPECT_EQ(Registry::Describe(kept)->calls, static_cast<std::uint64_t>(calls));
}

TEST_F(EndingsTest, R13_AForkWithASubmittedCallPendingEndsItInTheParentOnly) {
  const auto pool = NewPool();
  Probe& probe = NewProbe();
  Hold hold(probe);
  const Handle handle = RegisterOn({pool.get(), pool}, probe, alice_);
  std::atomic<int> ended{0};
  Event both;
  const auto done = [&](const Outcome& outcome) {
    EXPECT_TRUE(outcome.status.ok());
    if (++ended == 2) both.Set();
  };
  Registry::InvokeAsync(handle, {}, done);
  Registry::InvokeAsync(handle, {}, done);
  ASSERT_TRUE(hold.WaitEntered());
  const pid_t child = ::fork();
  if (child == 0) {
    const bool is_closed = Registry::Invoke(handle, {}).status.code() == Code::kClosed;
    ::_exit(is_closed && ended.load() == 0 && probe.releases.load() == 0 ? 0 : 1);
  }
  EXPECT_EQ(WaitFor(child), 0);
  hold.LetGo();
  EXPECT_TRUE(both.Wait());
  EXPECT_EQ(probe.calls.load(), 2);
}

TEST_F(EndingsTest, R9_AThreadThatEndsInAStartFunctionAbandonsItsCall) {
  CallbackSpec spec;
  spec.target.start = [](void*, std::unique_ptr<AsyncCall>) { ::pthread_exit(nullptr); };
  struct Caller {
    Handle handle = 0;
    Code told = Code::kOk;
  } caller;
  caller.handle = *Registry::Register(alice_, std::move(spec));
  pthread_t thread{};
  ASSERT_EQ(::pthread_create(
                &thread, nullptr,
                [](void* argument) -> void* {
                  auto& self = *static_cast<Caller*>(argument);
                  Registry::InvokeAsync(self.handle, {}, [&self](const Outcome& outcome) {
                    self.told = outcome.status.code();
                  });
                  ADD_FAILURE() << "not ended";
                  return nullptr;
                },
                &caller),
            0);
  ASSERT_EQ(::pthread_join(thread, nullptr), 0);
  EXPECT_EQ(caller.told, Code::kAbandoned);
  EXPECT_EQ(Registry::Describe(caller.handle)->in_flight, 0U);
}

// An object of the engine's whose end forks.
class ForkingObject final : public Object {
 public:
  ForkingObject(std::atomic<pid_t>* child, Event* forked)
      : Object(Kind::kCursor), child_(child), forked_(forked) {}
  void HandlesGone() noexcept override {
    child_->store(::fork());
    forked_->Set();
  }

 private:
  std::atomic<pid_t>* const child_;
  Event* const forked_;
};

TEST_F(EndingsTest, R13_AChildForkedAtTheEndOfAnObjectGoesNoFurther) {
  std::atomic<pid_t> child{-1};
  Event forked;
  const Handle handle =
      *registry_->Insert(Ref<Object>::Adopt(new ForkingObject(&child, &forked)), alice_);
  ASSERT_TRUE(Registry::Release(handle).ok());
  ASSERT_TRUE(forked.Wait());
  EXPECT_EQ(WaitFor(child.load()), 0);
}

}  // namespace
}  // namespace belay::registry
