// Races, each driven through its window: one thread stops in the middle of an operation while another does the
// other side of it from beginning to end (R2, R5, R7, R9, R11, R13).
#include <sys/wait.h>
#include <unistd.h>

#include <thread>
#include <utility>

#include "broker/registry/pause_test_util.h"
#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;
using base::Status;

class RaceTest : public RegistryTest {};

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
    EXPECT_TRUE(probe.released.Wait());
  }
}

// A pause hook runs where a signal handler could: on the calling thread, between two instructions of a call.
Handle g_interrupting = 0;
void InterruptOnce(PausePoint point) {
  if (point != PausePoint::kCallBeforeCheck) return;
  const Handle handle = std::exchange(g_interrupting, 0);
  if (handle != 0) {
    EXPECT_TRUE(Call(handle).ok());
  }
}

// Both ways of entering, as above.
TEST_F(RaceTest, R9_ACallByASignalHandlerLeavesTheInterruptedOneItsHazard) {
  const Handle handlers = Register(bob_, NewProbe());
  pause_hook.store(&InterruptOnce);
  std::thread([&] {
    for (int call = 0; call < 2; ++call) {
      Probe& probe = NewProbe();
      const Handle handle = Register(alice_, probe);
      probe.body = [&] {
        EXPECT_TRUE(Registry::Release(handle).ok());
        WaitForARound();
        EXPECT_EQ(probe.releases.load(), 0);
      };
      g_interrupting = handlers;
      EXPECT_TRUE(Call(handle).ok());
      EXPECT_EQ(g_interrupting, 0U);
      EXPECT_TRUE(probe.released.Wait());
    }
  }).join();
  pause_hook.store(nullptr);
}

TEST_F(RaceTest, R7_AnUnregisterRefusesTheCallThatHasNotLookedAndADrainWaitsForIt) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  Halfway call(PausePoint::kCallBeforeCheck, [=] { return Call(handle); });
  ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
  WaitForARound();
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

TEST_F(RaceTest, R2_ARetainThroughAHandleReleasedMeanwhileIsStale) {
  const Handle handle = Register(alice_, NewProbe());
  const Handle other = *Registry::Retain(handle, 0, 0);
  Halfway retain(PausePoint::kRetainBeforeLock,
                 [=] { return Registry::Retain(handle, 0, 0).status(); });
  ASSERT_TRUE(Registry::Release(handle).ok());
  EXPECT_EQ(retain.Finish(), Code::kStale) << "though the callback lives";
  EXPECT_TRUE(Call(other).ok());
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
  const Handle other = *Registry::Retain(handle, 0, 0);
  Halfway pin(PausePoint::kPinTypedBeforeLock,
              [=] { return Registry::PinTyped(handle, "i64(i64)").status(); });
  ASSERT_TRUE(Registry::Release(handle).ok());
  EXPECT_EQ(pin.Finish(), Code::kStale) << "though the callback lives";
  EXPECT_TRUE(Registry::Release(other).ok());
  EXPECT_TRUE(probe.released.Wait()) << "nothing is pinned";
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

TEST_F(RaceTest, R13_AForkWhileALockIsHeldLeavesAChildThatAnswers) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  const Handle other = Register(bob_, NewProbe());
  ASSERT_TRUE(Call(other).ok()) << "so that the next takes the short way";
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

// A thread that the system stops between the stores of a move, for as long as it likes.
TEST_F(RaceTest, R15_ACountThatItsThreadIsMovingIsReadOnlyWhenItHasMoved) {
  constexpr Handle kHandle = 0x77;
  constexpr std::uint64_t kCalls = 3;
  ThreadRecord record;
  CallCell& cell = record.cells[0];
  record.high_water = 1;
  cell.counted = kHandle;
  cell.sequence = kCalls;
  record.moves = 1;
  record.counts.Log(kHandle, kCalls);  // both there and still in the cell

  Stop stop(PausePoint::kCountBeforeNap);
  std::uint64_t count = 0;
  std::thread reader([&] { count = record.CountOf(kHandle); });
  EXPECT_TRUE(stop.Reached());
  cell.counted = 0;
  cell.counted_from = kCalls;
  record.moves = 2;
  stop.LetGo();
  reader.join();
  EXPECT_EQ(count, kCalls);
}

// A debugger may hold it there for ever: who asks meanwhile gets an answer all the same.
TEST_F(RaceTest, R15_ACountThatIsNeverMovedIsGivenAsItStands) {
  ThreadRecord record;
  record.moves = 1;
  record.counts.Log(0x77, 3);
  EXPECT_EQ(record.CountOf(0x77), 3U);
}

}  // namespace
}  // namespace belay::registry
