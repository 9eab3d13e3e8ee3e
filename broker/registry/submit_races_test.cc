// Submitted calls against the end of their callback or queue, each driven through its window (R5, R18).
#include <array>

#include "broker/registry/executor_objects.h"
#include "broker/registry/pause_test_util.h"
#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;
using base::Status;

class SubmitRaceTest : public RegistryTest {
 protected:
  enum class Where { kGate, kPool };
  Handle RegisterAt(Where where, Probe& probe) {
    return where == Where::kGate ? RegisterOn({}, probe, alice_, {.max_concurrency = 1})
                                 : RegisterOn(*PoolOf(alice_), probe, alice_);
  }
};

// A transient pin keeps memory, not the context: the call must not begin once the release function has run.
TEST_F(SubmitRaceTest, R5_ASubmittedCallThatIsNotYetCountedDoesNotRunAfterTheRelease) {
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

TEST_F(SubmitRaceTest, R5_ASubmittedCallThatIsCountedHoldsUpTheReleaseAndTakesItselfBack) {
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

TEST_F(SubmitRaceTest, R18_ACallThatAPollHasTakenFromAQueueThatClosesIsAbandonedOnce) {
  const Handle queue = *OpenQueue(bob_, {.name = "ui"});
  Probe& probe = NewProbe();
  const Handle handle = RegisterOn(*FindExecutor(queue), probe, alice_);
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
  ASSERT_TRUE(Registry::Release(handle).ok());
  WaitForARound();
  EXPECT_EQ(probe.releases.load(), 0) << "R5: the host may be running it";
  const auto done = [](AsyncCall&) { return Outcome(); };
  EXPECT_TRUE(FinishEvent(queue, events[0].id, done).ok());
  EXPECT_TRUE(probe.released.Wait());
  EXPECT_EQ(answers.load(), 1);
}

}  // namespace
}  // namespace belay::registry
