// Races, each driven through its window: one thread stops in the middle of an operation while another does the
// other side of it from beginning to end (R2, R5, R7, R12, R13, R18).
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "broker/registry/executor_objects.h"
#include "broker/registry/pause_test_util.h"
#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;
using base::Status;

// An operation that has stopped at a pause point, on a thread of its own.
class Halfway {
 public:
  Halfway(PausePoint point, std::function<Status()> operation) : stop_(point) {
    thread_ = std::thread([this, operation = std::move(operation)] { status_ = operation(); });
    EXPECT_TRUE(stop_.Reached());
  }
  Halfway(const Halfway&) = delete;
  Halfway& operator=(const Halfway&) = delete;
  ~Halfway() { (void)Finish(); }

  Code Finish() {
    stop_.LetGo();
    if (thread_.joinable()) thread_.join();
    return status_.code();
  }

 private:
  Stop stop_;
  Status status_;
  std::thread thread_;
};

class RaceTest : public RegistryTest {
 protected:
  // A round of the reaper that began after this call has ended when it returns: what it could release by then, it
  // has.
  void WaitForARound() {
    Probe& other = NewProbe();
    ASSERT_TRUE(Registry::Release(Register(bob_, other, "other")).ok());
    ASSERT_TRUE(other.released.Wait());
  }
  enum class Where { kGate, kPool };
  Handle RegisterAt(Where where, Probe& probe) {
    CallbackSpec spec = probe.Spec("gated");
    if (where == Where::kGate) {
      spec.gate.max_concurrency = 1;
    } else {
      const ExecutorRef pool = *PoolOf(alice_);
      spec.executor = pool.executor;
      spec.executor_keeper = pool.keeper;
    }
    return *Registry::Register(alice_, std::move(spec));
  }
};

// Both ways of entering: the first call of a thread, and those that follow it.
TEST_F(RaceTest, R5_ACallThatSetItsHazardHoldsUpTheReleaseAndIsRefused) {
  for (const bool is_first : {true, false}) {
    Probe& warm = NewProbe();
    const Handle before = Register(bob_, warm);
    Probe& probe = NewProbe();
    const Handle handle = Register(alice_, probe);
    Event warmed;
    Event go;
    Status status;
    std::thread caller([&] {
      if (!is_first) {
        EXPECT_TRUE(Call(before).ok());
      }
      warmed.Set();
      EXPECT_TRUE(go.Wait());
      status = Call(handle);
    });
    ASSERT_TRUE(warmed.Wait());
    Stop stop(PausePoint::kCallBeforeCheck);
    go.Set();
    ASSERT_TRUE(stop.Reached());
    ASSERT_TRUE(Registry::Release(handle).ok());
    WaitForARound();
    EXPECT_EQ(probe.releases.load(), 0) << "a scan must see the hazard";
    stop.LetGo();
    caller.join();
    EXPECT_EQ(status.code(), Code::kStale);
    EXPECT_EQ(probe.calls.load(), 0);
    EXPECT_TRUE(probe.released.Wait()) << "R6: the refused call wakes the reaper";
  }
}

TEST_F(RaceTest, R7_AnUnregisterRefusesTheCallThatHasNotLookedAndADrainWaitsForIt) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  Halfway call(PausePoint::kCallBeforeCheck, [=] { return Call(handle); });
  ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
  EXPECT_EQ(Registry::Drain(handle, 0).code(), Code::kDeadlineExceeded);
  EXPECT_EQ(call.Finish(), Code::kUnregistered);
  EXPECT_TRUE(Registry::Drain(handle, kPatienceNs).ok());
  EXPECT_EQ(probe.calls.load(), 0);
}

TEST_F(RaceTest, R2_TheLastReleaseBeatsARetainThatHasNotLocked) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  Halfway retain(PausePoint::kRetainBeforeLock,
                 [=] { return Registry::Retain(handle, 0, 0).status(); });
  ASSERT_TRUE(Registry::Release(handle).ok());
  EXPECT_EQ(retain.Finish(), Code::kStale);
  EXPECT_TRUE(probe.released.Wait());
}

TEST_F(RaceTest, R2_ARetainBeatsTheLastReleaseThatHasNotLocked) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  Halfway release(PausePoint::kReleaseBeforeLock, [=] { return Registry::Release(handle); });
  const auto retained = Registry::Retain(handle, 0, 0);
  ASSERT_TRUE(retained.ok());
  EXPECT_EQ(release.Finish(), Code::kOk);
  WaitForARound();
  EXPECT_EQ(probe.releases.load(), 0);
  EXPECT_TRUE(Call(*retained).ok());
  EXPECT_TRUE(Registry::Release(*retained).ok());
  EXPECT_TRUE(probe.released.Wait());
}

TEST_F(RaceTest, R2_OfTwoReleasesOneIsStale) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  const Handle other = *Registry::Retain(handle, 0, 0);
  Halfway release(PausePoint::kReleaseBeforeLock, [=] { return Registry::Release(handle); });
  ASSERT_TRUE(Registry::Release(handle).ok());
  EXPECT_EQ(release.Finish(), Code::kStale);
  WaitForARound();
  EXPECT_EQ(probe.releases.load(), 0) << "the other handle has not been released";
  EXPECT_TRUE(Call(other).ok());
}

TEST_F(RaceTest, R2_AnUnregisterThroughAHandleReleasedMeanwhileIsStale) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  const Handle other = *Registry::Retain(handle, 0, 0);
  Halfway unregister(PausePoint::kUnregisterBeforeLock,
                     [=] { return Registry::Unregister(handle, Code::kUnregistered); });
  ASSERT_TRUE(Registry::Release(handle).ok());
  EXPECT_EQ(unregister.Finish(), Code::kStale);
  EXPECT_TRUE(Call(other).ok()) << "nobody unregistered it";
}

TEST_F(RaceTest, R11_APinThroughAHandleReleasedMeanwhileIsStale) {
  Probe& probe = NewProbe();
  const Handle handle = *Registry::Register(alice_, probe.TypedSpec("i64(i64)"));
  Halfway pin(PausePoint::kPinTypedBeforeLock,
              [=] { return Registry::PinTyped(handle, "i64(i64)").status(); });
  ASSERT_TRUE(Registry::Release(handle).ok());
  EXPECT_EQ(pin.Finish(), Code::kStale);
  EXPECT_TRUE(probe.released.Wait());
}

// The callback unregisters itself, and is over and released before the drain begins to wait.
TEST_F(RaceTest, R7_ADrainThatHasNotBegunToWaitMissesNothing) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  Event entered;
  Event go;
  probe.body = [&] {
    EXPECT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
    entered.Set();
    EXPECT_TRUE(go.Wait());
  };
  std::thread caller([&] { EXPECT_TRUE(Call(handle).ok()); });
  ASSERT_TRUE(entered.Wait());
  Halfway drain(PausePoint::kDrainBeforeWait, [=] { return Registry::Drain(handle, kPatienceNs); });
  go.Set();
  caller.join();
  ASSERT_TRUE(probe.released.Wait());
  EXPECT_EQ(drain.Finish(), Code::kOk);
}

// A transient pin keeps memory, not the context: the call must not begin once the release function has run.
TEST_F(RaceTest, R5_ASubmittedCallThatIsNotYetCountedDoesNotRunAfterTheRelease) {
  for (const Where where : {Where::kGate, Where::kPool}) {
    Probe& probe = NewProbe();
    const Handle handle = RegisterAt(where, probe);
    Halfway submit(PausePoint::kSubmitBeforeCount,
                   [=] { return Registry::Invoke(handle, {}).status; });
    ASSERT_TRUE(Registry::Release(handle).ok());
    ASSERT_TRUE(probe.released.Wait());
    EXPECT_EQ(submit.Finish(), Code::kStale);
    EXPECT_EQ(probe.calls.load(), 0);
  }
}

TEST_F(RaceTest, R5_ASubmittedCallThatIsCountedHoldsUpTheReleaseAndTakesItselfBack) {
  for (const Where where : {Where::kGate, Where::kPool}) {
    Probe& probe = NewProbe();
    const Handle handle = RegisterAt(where, probe);
    Halfway submit(PausePoint::kSubmitBeforeRecheck,
                   [=] { return Registry::Invoke(handle, {}).status; });
    ASSERT_TRUE(Registry::Release(handle).ok());
    WaitForARound();
    EXPECT_EQ(probe.releases.load(), 0);
    EXPECT_EQ(submit.Finish(), Code::kStale);
    EXPECT_TRUE(probe.released.Wait());
    EXPECT_EQ(probe.calls.load(), 0);
  }
}

TEST_F(RaceTest, R18_ACallThatAPollHasTakenFromAQueueThatClosesIsAbandonedOnce) {
  const Handle queue = *OpenQueue(bob_, {.name = "ui"});
  Probe& probe = NewProbe();
  CallbackSpec spec = probe.Spec();
  const ExecutorRef executor = *FindExecutor(queue);
  spec.executor = executor.executor;
  spec.executor_keeper = executor.keeper;
  const Handle handle = *Registry::Register(alice_, std::move(spec));
  std::atomic<int> answers{0};
  Code answer = Code::kOk;
  Event answered;
  Registry::InvokeAsync(handle, {}, [&](const Outcome& outcome) {
    answer = outcome.status.code();
    answers.fetch_add(1);
    answered.Set();
  });
  const Ref<Object> object = *Registry::Find(queue, Kind::kQueue);
  auto& polled = static_cast<QueueObject&>(*object);
  std::array<HostEvent, 1> events;
  {
    Halfway poll(PausePoint::kPollBeforeHandingOver, [&] {
      (void)polled.Poll(queue, events, kPatienceNs);
      return Status();
    });
    ASSERT_TRUE(Registry::Release(queue).ok());
    ASSERT_TRUE(Eventually([&] {
      std::array<Work*, 1> none;
      return polled.queue().Poll(none, 0).why == Polled::Why::kClosed;
    }));
  }
  ASSERT_TRUE(answered.Wait());
  EXPECT_EQ(answer, Code::kAbandoned);
  EXPECT_EQ(probe.releases.load(), 0) << "R5: the host may be running it";
  const auto done = [](AsyncCall&) { return Outcome(); };
  EXPECT_TRUE(FinishEvent(queue, events[0].id, done).ok());
  ASSERT_TRUE(Registry::Release(handle).ok());
  EXPECT_TRUE(probe.released.Wait());
  EXPECT_EQ(answers.load(), 1);
}

TEST_F(RaceTest, R13_AForkWhileALockIsHeldLeavesAChildThatAnswers) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  const Handle other = Register(bob_, NewProbe());
  Halfway release(PausePoint::kReleaseUnderLock, [=] { return Registry::Release(handle); });
  const pid_t child = ::fork();
  if (child == 0) {
    const bool answers = Call(other).code() == Code::kClosed &&
                         Registry::Release(other).code() == Code::kClosed &&
                         Registry::Retain(other, 0, 0).code() == Code::kClosed &&
                         registry_->Close(0).code() == Code::kClosed;
    ::_exit(answers ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(release.Finish(), Code::kOk);
  EXPECT_TRUE(probe.released.Wait()) << "the parent lives on";
  EXPECT_TRUE(Call(other).ok());
}

// A broker that closes in the middle of an operation: the close does not wait for ever, the operation says what
// became of it, and every context is released once.
struct Operation {
  const char* name;
  PausePoint point;
  std::function<Status(Handle owner, Handle handle, Handle typed, Probe& late)> run;
};
class CloseRaceTest : public ::testing::TestWithParam<Operation> {};

TEST_P(CloseRaceTest, R12_ACloseMeetsAnOperationHalfway) {
  Probe probe;
  Probe typed_probe;
  Probe late;
  auto opened = Registry::Open({});
  ASSERT_TRUE(opened.ok());
  const Ref<Registry> registry = *opened;
  const Handle owner = *registry->OpenOwner("owner");
  CallbackSpec spec = probe.Spec();
  if (GetParam().point == PausePoint::kSubmitBeforeCount ||
      GetParam().point == PausePoint::kSubmitBeforeRecheck)
    spec.gate.max_concurrency = 1;
  const Handle handle = *Registry::Register(owner, std::move(spec));
  const Handle typed = *Registry::Register(owner, typed_probe.TypedSpec("i64(i64)"));
  {
    Halfway operation(GetParam().point, [&] { return GetParam().run(owner, handle, typed, late); });
    EXPECT_EQ(registry->Close(0).code(), Code::kDeadlineExceeded);
    const Code code = operation.Finish();
    EXPECT_TRUE(code == Code::kClosed || code == Code::kStale || code == Code::kOwnerClosed)
        << base::CodeName(code);
  }
  EXPECT_TRUE(probe.released.Wait());
  EXPECT_TRUE(typed_probe.released.Wait());
  EXPECT_EQ(probe.calls.load(), 0);
  EXPECT_EQ(late.releases.load(), GetParam().point == PausePoint::kRegisterBeforeLock ? 1 : 0);
  std::uint64_t after = 0;
  EXPECT_TRUE(Eventually([&] {
    after = 0;
    return registry->List(&after, 1).empty();
  }));
}

INSTANTIATE_TEST_SUITE_P(
    Operations, CloseRaceTest,
    ::testing::Values(Operation{"Call", PausePoint::kCallBeforeCheck,
                                [](Handle, Handle handle, Handle, Probe&) { return Call(handle); }},
                      Operation{"Register", PausePoint::kRegisterBeforeLock,
                                [](Handle owner, Handle, Handle, Probe& late) {
                                  return Registry::Register(owner, late.Spec()).status();
                                }},
                      Operation{"Retain", PausePoint::kRetainBeforeLock,
                                [](Handle, Handle handle, Handle, Probe&) {
                                  return Registry::Retain(handle, 0, 0).status();
                                }},
                      Operation{"Release", PausePoint::kReleaseBeforeLock,
                                [](Handle, Handle handle, Handle, Probe&) {
                                  return Registry::Release(handle);
                                }},
                      Operation{"Unregister", PausePoint::kUnregisterBeforeLock,
                                [](Handle, Handle handle, Handle, Probe&) {
                                  return Registry::Unregister(handle, Code::kUnregistered);
                                }},
                      Operation{"PinTyped", PausePoint::kPinTypedBeforeLock,
                                [](Handle, Handle, Handle typed, Probe&) {
                                  return Registry::PinTyped(typed, "i64(i64)").status();
                                }},
                      Operation{"SubmitUncounted", PausePoint::kSubmitBeforeCount,
                                [](Handle, Handle handle, Handle, Probe&) {
                                  return Registry::Invoke(handle, {}).status;
                                }},
                      Operation{"SubmitCounted", PausePoint::kSubmitBeforeRecheck,
                                [](Handle, Handle handle, Handle, Probe&) {
                                  return Registry::Invoke(handle, {}).status;
                                }}),
    [](const auto& operation) { return operation.param.name; });

}  // namespace
}  // namespace belay::registry
