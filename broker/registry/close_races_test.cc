// A broker that closes in the middle of an operation: the close keeps what the operation has pinned, and waits for
// no more than that; the operation says what became of it; every context is released once (R3, R5, R12).
#include <functional>
#include <memory>

#include "broker/registry/pause_test_util.h"
#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;
using base::Status;

// What an operation may be about. All of it is the closing broker's.
struct Stage {
  Handle owner = 0;
  Handle callback = 0;
  Handle typed = 0;
  Probe& late;  // not registered yet
};

struct Operation {
  const char* name;
  PausePoint point;
  std::function<Status(const Stage& stage)> run;
  Handle Stage::*pins;  // the handle that it has pinned at `point`
  Code told = Code::kStale;
  int released_before =
      1;  // how often the callback's release function has run at `point`, once it may
};

class CloseRaceTest : public RegistryTest, public ::testing::WithParamInterface<Operation> {
 protected:
  void SetUp() override {
    RegistryTest::SetUp();
    registry_->SetAttachment({&closed_, [](void* closed) { static_cast<Event*>(closed)->Set(); }});
  }
  // Once it is closed for good, and lets go of its attachment.
  Event closed_;
};

TEST_P(CloseRaceTest, R12_ACloseMeetsAnOperationHalfway) {
  const Operation& tried = GetParam();
  const bool is_submit = tried.point == PausePoint::kSubmitBeforeCount ||
                         tried.point == PausePoint::kSubmitBeforeRecheck;
  Probe& probe = NewProbe();
  Probe& typed = NewProbe();
  Probe& last = NewProbe();
  Stage stage{.late = NewProbe()};
  stage.owner = alice_;
  stage.callback =
      is_submit ? RegisterOn({}, probe, alice_, {.max_concurrency = 1}) : Register(alice_, probe);
  stage.typed = *Registry::Register(alice_, typed.TypedSpec("i64(i64)"));
  BlockedCall running(Register(bob_, last), last);
  Halfway operation(tried.point, [&] { return tried.run(stage); });
  EXPECT_EQ(registry_->Close(0).code(), Code::kDeadlineExceeded);
  // A whole round of the reaper: its begin, and the begin of one that follows it.
  EXPECT_TRUE(typed.released.Wait());
  running.Finish();
  EXPECT_TRUE(last.released.Wait());
  EXPECT_EQ(probe.releases.load(), tried.released_before);
  EXPECT_NE(HandleTable::Get().slot(SlotOf(stage.*tried.pins)).object.load(), 0U)
      << "what is pinned stays";
  EXPECT_FALSE(closed_.is_set());
  EXPECT_EQ(operation.Finish(), tried.told);
  EXPECT_TRUE(closed_.Wait()) << "nothing else holds up the close";
  EXPECT_EQ(probe.calls.load(), 0);
  EXPECT_EQ(probe.releases.load(), 1);
  EXPECT_EQ(stage.late.releases.load(), tried.point == PausePoint::kRegisterBeforeLock ? 1 : 0);
}

INSTANTIATE_TEST_SUITE_P(
    Operations, CloseRaceTest,
    ::testing::Values(
        Operation{"Call", PausePoint::kCallBeforeCheck,
                  [](const Stage& stage) { return Call(stage.callback); }, &Stage::callback,
                  Code::kStale, 0},
        Operation{"Register", PausePoint::kRegisterBeforeLock,
                  [](const Stage& stage) {
                    return Registry::Register(stage.owner, stage.late.Spec()).status();
                  },
                  &Stage::owner, Code::kClosed},
        Operation{
            "Retain", PausePoint::kRetainBeforeLock,
            [](const Stage& stage) { return Registry::Retain(stage.callback, 0, 0).status(); },
            &Stage::callback},
        Operation{"Release", PausePoint::kReleaseBeforeLock,
                  [](const Stage& stage) { return Registry::Release(stage.callback); },
                  &Stage::callback},
        Operation{"Unregister", PausePoint::kUnregisterBeforeLock,
                  [](const Stage& stage) {
                    return Registry::Unregister(stage.callback, Code::kUnregistered);
                  },
                  &Stage::callback},
        Operation{
            "PinTyped", PausePoint::kPinTypedBeforeLock,
            [](const Stage& stage) { return Registry::PinTyped(stage.typed, "i64(i64)").status(); },
            &Stage::typed},
        Operation{"SubmitUncounted", PausePoint::kSubmitBeforeCount,
                  [](const Stage& stage) { return Registry::Invoke(stage.callback, {}).status; },
                  &Stage::callback},
        Operation{"SubmitCounted", PausePoint::kSubmitBeforeRecheck,
                  [](const Stage& stage) { return Registry::Invoke(stage.callback, {}).status; },
                  &Stage::callback, Code::kStale, 0}),
    [](const auto& operation) { return operation.param.name; });

}  // namespace
}  // namespace belay::registry
