// A callback whose infrastructure fails is kept from its callers, and tried again (R14).
#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;
using base::Status;

constexpr std::int64_t kSecondNs = 1'000'000'000;

class QuarantineTest : public RegistryTest {
 protected:
  void SetUp() override {
    RegistryTest::SetUp();
    RegistryOptions options;
    options.clock = &clock_;
    options.stuck_after_ns = 0;
    opened_ = *Registry::Open(std::move(options));
    CallbackSpec spec;
    spec.target.start = [](void* context, std::unique_ptr<AsyncCall> call) {
      auto& self = *static_cast<QuarantineTest*>(context);
      ++self.started_;
      call->Finish({Status(self.answer_, "as told"), Certainty::kStarted, {}});
    };
    spec.context = OwnedContext(this, nullptr);
    spec.label = "host";
    spec.breaker = {.threshold = 3, .cool_down_ns = kSecondNs};
    handle_ = *Registry::Register(opened_->handle(), std::move(spec));
  }
  void TearDown() override {
    EXPECT_TRUE(opened_->Close(kPatienceNs).ok());
    RegistryTest::TearDown();
  }
  Code CallWith(Code answer) {
    answer_ = answer;
    return Registry::Invoke(handle_, {}).status.code();
  }
  void Break() {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(CallWith(Code::kHostLost), Code::kHostLost);
  }
  State Now() { return Registry::Describe(handle_)->state; }
  std::vector<EventType> Types() {
    std::vector<EventType> types;
    const auto page = opened_->ReadEvents(1, 100, 0);
    for (const EventInfo& info : page->events) types.push_back(info.event.type);
    return types;
  }

  base::VirtualClock clock_;
  Ref<Registry> opened_;
  Handle handle_ = 0;
  Code answer_ = Code::kOk;
  int started_ = 0;
};

TEST_F(QuarantineTest, R14_FailuresOfTheInfrastructureInARowQuarantine) {
  Break();
  EXPECT_EQ(Now(), State::kQuarantined);
  EXPECT_EQ(CallWith(Code::kOk), Code::kQuarantined);
  EXPECT_EQ(started_, 3) << "the host is left alone";
  const Status refusal = Registry::Refusal(handle_);
  EXPECT_EQ(refusal.code(), Code::kQuarantined);
  EXPECT_NE(refusal.message().find("callback \"host\": "), std::string::npos) << refusal.message();
  EXPECT_TRUE(Registry::Retain(handle_, 0, 0).ok()) << "its handles go on";
}

TEST_F(QuarantineTest, R14_AHostThatNeverAnswersIsQuarantined) {
  std::vector<std::unique_ptr<AsyncCall>> unanswered;
  CallbackSpec spec;
  spec.target.start = [](void* context, std::unique_ptr<AsyncCall> call) {
    static_cast<std::vector<std::unique_ptr<AsyncCall>>*>(context)->push_back(std::move(call));
  };
  spec.context = OwnedContext(&unanswered, nullptr);
  spec.breaker = {.threshold = 2, .cool_down_ns = kSecondNs};
  const Handle handle = *Registry::Register(opened_->handle(), std::move(spec));
  const auto call = [&] {
    Request request;
    request.deadline_ns = base::Clock::System().MonotonicNs() + 1'000'000;
    return Registry::Invoke(handle, std::move(request)).status.code();
  };
  EXPECT_EQ(call(), Code::kDeadlineExceeded);
  EXPECT_EQ(call(), Code::kDeadlineExceeded);
  EXPECT_EQ(call(), Code::kQuarantined);
  EXPECT_EQ(unanswered.size(), 2U);
  unanswered.clear();
  EXPECT_EQ(Registry::Describe(handle)->state, State::kQuarantined);
}

TEST_F(QuarantineTest, R14_ACallbackThatIsGoneIsNotQuarantined) {
  Handle handle = 0;
  CallbackSpec spec;
  spec.target.start = [](void* context, std::unique_ptr<AsyncCall> call) {
    const Handle self = *static_cast<Handle*>(context);
    EXPECT_TRUE(Registry::Unregister(self, Code::kUnregistered).ok());
    call->Finish({Status(Code::kHostLost, "gone"), Certainty::kStarted, {}});
  };
  spec.context = OwnedContext(&handle, nullptr);
  spec.breaker = {.threshold = 1, .cool_down_ns = kSecondNs};
  handle = *Registry::Register(opened_->handle(), std::move(spec));
  EXPECT_EQ(Registry::Invoke(handle, {}).status.code(), Code::kHostLost);
  EXPECT_EQ(Registry::Refusal(handle).code(), Code::kUnregistered);
  for (const EventType type : Types()) EXPECT_NE(type, EventType::kQuarantined);
}

TEST_F(QuarantineTest, R14_ATimeoutOfAReleasedCallbackCountsNowhere) {
  struct Host {
    Handle handle = 0;
    std::unique_ptr<AsyncCall> call;
  } host;
  CallbackSpec spec;
  spec.target.start = [](void* context, std::unique_ptr<AsyncCall> call) {
    auto& self = *static_cast<Host*>(context);
    self.call = std::move(call);
    EXPECT_TRUE(Registry::Release(self.handle).ok());
  };
  spec.context = OwnedContext(&host, nullptr);
  spec.breaker = {.threshold = 1, .cool_down_ns = kSecondNs};
  host.handle = *Registry::Register(opened_->handle(), std::move(spec));
  // On a machine so slow that the deadline has passed before the call, it is made again with more time.
  for (std::int64_t patience_ns = 1'000'000; host.call == nullptr; patience_ns *= 2) {
    Request request;
    request.deadline_ns = base::Clock::System().MonotonicNs() + patience_ns;
    EXPECT_EQ(Registry::Invoke(host.handle, std::move(request)).status.code(),
              Code::kDeadlineExceeded);
  }
  host.call.reset();
  for (const EventType type : Types()) EXPECT_NE(type, EventType::kQuarantined);
}

TEST_F(QuarantineTest, R14_FailuresOfTheApplicationNeverCount) {
  for (int i = 0; i < 20; ++i) EXPECT_EQ(CallWith(Code::kCallbackFailed), Code::kCallbackFailed);
  EXPECT_EQ(Now(), State::kLive);
  EXPECT_EQ(CallWith(Code::kHostLost), Code::kHostLost);
  EXPECT_EQ(CallWith(Code::kHostLost), Code::kHostLost);
  EXPECT_EQ(CallWith(Code::kCallbackFailed), Code::kCallbackFailed) << "an answer: it is there";
  EXPECT_EQ(CallWith(Code::kHostLost), Code::kHostLost);
  EXPECT_EQ(Now(), State::kLive);
}

TEST_F(QuarantineTest, R14_AProbeRestoresOrProlongs) {
  Break();
  clock_.AdvanceNs(kSecondNs);
  EXPECT_TRUE(Registry::Refusal(handle_).ok()) << "the next call is the probe";
  EXPECT_EQ(CallWith(Code::kUnavailable), Code::kUnavailable);
  EXPECT_EQ(CallWith(Code::kOk), Code::kQuarantined);
  clock_.AdvanceNs(kSecondNs);
  EXPECT_EQ(CallWith(Code::kOk), Code::kQuarantined) << "twice as long now";
  clock_.AdvanceNs(kSecondNs);
  EXPECT_EQ(CallWith(Code::kOk), Code::kOk);
  EXPECT_EQ(Now(), State::kLive);
  EXPECT_EQ(CallWith(Code::kOk), Code::kOk);
  EXPECT_EQ(Types(),
            (std::vector{EventType::kRegistered, EventType::kQuarantined, EventType::kRestored}));
}

TEST_F(QuarantineTest, R14_ByHandUntilRestoredByHand) {
  EXPECT_TRUE(Registry::Quarantine(handle_).ok());
  clock_.AdvanceNs(1000 * kSecondNs);
  EXPECT_EQ(CallWith(Code::kOk), Code::kQuarantined) << "no probes";
  EXPECT_EQ(Registry::Refusal(handle_).reason(), "TRIPPED");
  EXPECT_TRUE(Registry::Restore(handle_).ok());
  EXPECT_TRUE(Registry::Restore(handle_).ok());
  EXPECT_EQ(CallWith(Code::kOk), Code::kOk);
}

TEST_F(QuarantineTest, R14_ARestoreForgetsFailures) {
  Break();
  EXPECT_TRUE(Registry::Restore(handle_).ok());
  EXPECT_EQ(Now(), State::kLive);
  EXPECT_EQ(CallWith(Code::kHostLost), Code::kHostLost);
  EXPECT_EQ(CallWith(Code::kHostLost), Code::kHostLost);
  EXPECT_EQ(Now(), State::kLive);
}

TEST_F(QuarantineTest, R14_AnInlineCallbackIsQuarantinedByHand) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  EXPECT_TRUE(Registry::Quarantine(handle).ok());
  EXPECT_EQ(Call(handle).code(), Code::kQuarantined);
  EXPECT_EQ(probe.calls.load(), 0);
  EXPECT_TRUE(Registry::Restore(handle).ok());
  EXPECT_TRUE(Call(handle).ok());
  EXPECT_EQ(Registry::Quarantine(alice_).code(), Code::kWrongKind);
  EXPECT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
  EXPECT_EQ(Registry::Quarantine(handle).code(), Code::kUnregistered);
  EXPECT_EQ(Registry::Restore(handle).code(), Code::kUnregistered);
}

TEST_F(QuarantineTest, R14_SuspensionAndQuarantineDoNotEndEachOther) {
  Break();
  EXPECT_TRUE(Registry::Suspend(handle_, kPatienceNs).ok());
  EXPECT_EQ(CallWith(Code::kOk), Code::kSuspended);
  EXPECT_TRUE(Registry::Resume(handle_).ok());
  EXPECT_EQ(Now(), State::kQuarantined);
  EXPECT_EQ(CallWith(Code::kOk), Code::kQuarantined);
  EXPECT_TRUE(Registry::Suspend(handle_, kPatienceNs).ok());
  EXPECT_TRUE(Registry::Restore(handle_).ok());
  EXPECT_EQ(CallWith(Code::kOk), Code::kSuspended);
  EXPECT_TRUE(Registry::Resume(handle_).ok());
  EXPECT_EQ(CallWith(Code::kOk), Code::kOk);
}

}  // namespace
}  // namespace belay::registry
