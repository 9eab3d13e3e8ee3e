// What others see of a call that has not begun, and what ends a call while somebody else is about to (R1, R15, R18).
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "broker/registry/executor_objects.h"
#include "broker/registry/pause_test_util.h"
#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;

class PauseCallsTest : public RegistryTest {};

// A hazard holds whatever number a caller passed.
TEST_F(PauseCallsTest, R15_ACallThatWillBeRefusedIsNobodysCall) {
  constexpr Handle kBeyondTheTable = MakeHandle(Kind::kCallback, 1, (1U << kSlotBits) - 1);
  Probe& ended = NewProbe();
  const Handle stale = Register(alice_, ended);
  ASSERT_TRUE(Registry::Release(stale).ok());
  ASSERT_TRUE(ended.released.Wait());
  const Slot& slot = HandleTable::Get().slot(SlotOf(stale));
  const auto is_anothers = [&] {
    (void)Register(alice_, NewProbe());
    return !IsFormOf(slot.key.load(), stale);
  };
  ASSERT_TRUE(Eventually(is_anothers)) << "a slot that is free is used again";
  for (const Handle wrong : {kBeyondTheTable, alice_, stale}) {
    const Handle handle = Register(bob_, NewProbe());
    Halfway call(PausePoint::kCallBeforeCheck, [wrong] { return Call(wrong); });
    EXPECT_TRUE(registry_->RunningCalls(0).empty());
    EXPECT_EQ(Registry::Describe(handle)->in_flight, 0U);
    ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
    EXPECT_TRUE(Registry::Drain(handle, kPatienceNs).ok()) << "it holds up nothing";
    const Code refusal = wrong == alice_  ? Code::kWrongKind
                         : wrong == stale ? Code::kStale
                                          : Code::kMalformed;
    EXPECT_EQ(call.Finish(), refusal);
  }
}

TEST_F(PauseCallsTest, R10_OfTwoCallsInsideTheGateOfAOnceCallbackOneRuns) {
  Probe& probe = NewProbe();
  CallbackSpec spec = probe.Spec("once");
  spec.gate.once = true;
  const Handle handle = *Registry::Register(alice_, std::move(spec));
  Halfway late(PausePoint::kSubmitBeforeBegin, [=] { return Registry::Invoke(handle, {}).status; });
  EXPECT_TRUE(Registry::Invoke(handle, {}).status.ok());
  EXPECT_EQ(late.Finish(), Code::kFailedPrecondition);
  EXPECT_EQ(probe.calls.load(), 1);
}

TEST_F(PauseCallsTest, R14_ACallThatARestoreOvertakesIsAdmitted) {
  CallbackSpec spec;
  spec.target.start = [](void*, std::unique_ptr<AsyncCall> call) { call->Finish({}); };
  const Handle handle = *Registry::Register(alice_, std::move(spec));
  ASSERT_TRUE(Registry::Quarantine(handle).ok());
  Halfway call(PausePoint::kAdmitBeforeLock, [=] { return Registry::Invoke(handle, {}).status; });
  ASSERT_TRUE(Registry::Restore(handle).ok());
  EXPECT_EQ(call.Finish(), Code::kOk);
}

// A call on a queue, whose host the test is.
class PauseQueueTest : public RegistryTest {
 protected:
  void SetUp() override {
    RegistryTest::SetUp();
    queue_ = *OpenQueue(bob_, {.name = "ui"});
    const Handle handle = RegisterOn(*FindExecutor(queue_), NewProbe(), alice_);
    auto call = std::make_unique<AsyncCall>(
        Request{}, [this](Outcome outcome) { ends_.push_back(std::move(outcome)); });
    id_ = call->id();
    ASSERT_TRUE(Registry::SubmitCall(handle, call).ok());
  }
  void Poll() {
    const Ref<Object> object = *Registry::Find(queue_, Kind::kQueue);
    std::array<HostEvent, 1> event;
    ASSERT_EQ(static_cast<QueueObject&>(*object).Poll(queue_, event, 0).count, 1U);
    ASSERT_EQ(event[0].id, id_);
  }
  base::Status Finish() {
    return FinishEvent(queue_, id_, [](AsyncCall&) { return Outcome{}; });
  }

  Handle queue_ = 0;
  std::uint64_t id_ = 0;
  std::vector<Outcome> ends_;  // of the call: one, by R18
};

TEST_F(PauseQueueTest, R18_ACancelThatIsOvertakenByTheBeginSaysThatTheCallHasStarted) {
  Halfway cancel(PausePoint::kMarkBeforeExchange,
                 [this] { return AsyncCall::CancelById(id_, Cancel::kForget); });
  Poll();
  EXPECT_EQ(cancel.Finish(), Code::kOk);
  ASSERT_EQ(ends_.size(), 1U);
  EXPECT_EQ(ends_[0].status.code(), Code::kCancelled);
  EXPECT_EQ(ends_[0].certainty, Certainty::kStarted);
  EXPECT_TRUE(Finish().ok());
  EXPECT_EQ(ends_.size(), 1U);
}

TEST_F(PauseQueueTest, R18_AnEndThatIsOvertakenByAQuestionStillEndsTheCall) {
  Poll();
  Halfway finish(PausePoint::kTakeBackBeforeExchange, [this] { return Finish(); });
  EXPECT_TRUE(AsyncCall::CancelById(id_, Cancel::kAsk).ok());
  EXPECT_EQ(finish.Finish(), Code::kOk);
  ASSERT_EQ(ends_.size(), 1U);
  EXPECT_TRUE(ends_[0].status.ok());
}

TEST_F(PauseQueueTest, R18_AnEndWaitsUntilACancelHasTakenTheCompletion) {
  Poll();
  const std::atomic<std::uint64_t>& word = CallSlots::Get().Find(id_)->word;
  Halfway cancel(PausePoint::kTakeDoneBeforeMove,
                 [this] { return AsyncCall::CancelById(id_, Cancel::kForget); });
  std::thread finishing([this] { EXPECT_TRUE(Finish().ok()); });
  EXPECT_TRUE(Eventually([&] { return (word.load() & CallSlot::kHandedOut) == 0; }));
  for (int i = 0; i < 1000; ++i) std::this_thread::yield();
  EXPECT_NE(word.load() & CallSlot::kLive, 0U) << "what is being taken stays";
  EXPECT_EQ(cancel.Finish(), Code::kOk);
  finishing.join();
  ASSERT_EQ(ends_.size(), 1U);
  EXPECT_EQ(ends_[0].status.code(), Code::kCancelled);
}

TEST_F(PauseQueueTest, R18_OfTwoEndsOneIsRefused) {
  Poll();
  Halfway finish(PausePoint::kTakeBackBeforeExchange, [this] { return Finish(); });
  EXPECT_TRUE(Finish().ok());
  EXPECT_EQ(finish.Finish(), Code::kNotFound);
  EXPECT_EQ(ends_.size(), 1U);
}

}  // namespace
}  // namespace belay::registry
