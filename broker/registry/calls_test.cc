// Calls: nesting, exceptions (R9), and calls that are answered later (R5, R7, R18).
#include <stdexcept>

#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;

// --- R9 ---------------------------------------------------------------------------------------------

TEST_F(RegistryTest, R9_SixtyFourNestedCallsAreTheLimit) {
  Probe& probe = NewProbe();
  Handle handle = 0;
  Code last = Code::kOk;
  Code by_bytes = Code::kOk;
  probe.body = [&] {
    const base::Status status = Call(handle);
    if (status.ok() || last != Code::kOk) return;
    last = status.code();
    by_bytes = CodeOf(Registry::Invoke(handle, {}).status);
    EXPECT_TRUE(Registry::Describe(handle).ok()) << "everything but calls goes on";
  };
  handle = Register(alice_, probe);
  for (int i = 1; i <= 2; ++i) {  // the second time on a record whose reach has been raised
    last = Code::kOk;
    EXPECT_TRUE(Call(handle).ok());
    EXPECT_EQ(last, Code::kRecursionLimit);
    EXPECT_EQ(by_bytes, Code::kRecursionLimit);
    EXPECT_EQ(probe.calls.load(), 64 * i);
  }
  EXPECT_EQ(Registry::Describe(handle)->calls, 128U);
}

TEST_F(RegistryTest, R9_TheDepthIsTheThreadsNotTheCallbacks) {
  // At every depth a scan must see the hazard, on the way down (slow) and again (fast).
  std::vector<Handle> handles(kMaxDepth);
  std::vector<Probe*> probes;
  for (std::uint32_t i = 0; i < kMaxDepth; ++i) probes.push_back(&NewProbe());
  for (int round = 0; round < 2; ++round) {
    Event innermost;
    Event go;
    for (std::uint32_t i = 0; i < kMaxDepth; ++i) {
      if (round == 1) probes[i] = &NewProbe();
      probes[i]->body = [&, i] {
        if (i + 1 < kMaxDepth) {
          EXPECT_TRUE(Call(handles[i + 1]).ok());
        } else {
          innermost.Set();
          EXPECT_TRUE(go.Wait());
        }
      };
      handles[i] = Register(alice_, *probes[i]);
    }
    std::thread caller([&] { EXPECT_TRUE(Call(handles[0]).ok()); });
    ASSERT_TRUE(innermost.Wait());
    for (const Handle handle : handles) {
      EXPECT_EQ(Registry::Describe(handle)->in_flight, 1U);
      EXPECT_TRUE(Registry::Release(handle).ok());
    }
    Probe& other = NewProbe();
    ASSERT_TRUE(Registry::Release(Register(bob_, other)).ok());
    ASSERT_TRUE(other.released.Wait());  // a round of the reaper
    for (const Probe* probe : probes) EXPECT_EQ(probe->releases.load(), 0);
    go.Set();
    caller.join();
    for (Probe* probe : probes) ASSERT_TRUE(probe->released.Wait());
  }
}

TEST_F(RegistryTest, R9_ExceptionsBecomeCallbackFailed) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  probe.body = [] { throw std::runtime_error("out of cheese"); };
  const Outcome known = Registry::Invoke(handle, {});
  EXPECT_EQ(known.status.code(), Code::kCallbackFailed);
  EXPECT_EQ(known.status.message(), "out of cheese");
  EXPECT_EQ(known.status.reason(), "EXCEPTION");
  EXPECT_EQ(known.certainty, Certainty::kStarted);
  probe.body = [] { throw 7; };
  EXPECT_EQ(CodeOf(Registry::Invoke(handle, {}).status), Code::kCallbackFailed);
  probe.body = nullptr;
  EXPECT_TRUE(Registry::Invoke(handle, {}).status.ok());
  const auto info = Registry::Describe(handle);
  EXPECT_EQ(info->calls, 3U);
  EXPECT_EQ(info->failures, 2U);
  EXPECT_EQ(info->in_flight, 0U);
}

TEST_F(RegistryTest, R9_AFailureCountsAlsoWhenTheHandleIsReleasedMeanwhile) {
  Probe& probe = NewProbe();
  const Handle kept = Register(alice_, probe);
  const Handle gone = *Registry::Retain(kept, bob_, 0);
  probe.body = [&] {
    EXPECT_TRUE(Registry::Release(gone).ok());
    throw std::runtime_error("late");
  };
  EXPECT_EQ(CodeOf(Registry::Invoke(gone, {}).status), Code::kCallbackFailed);
  EXPECT_EQ(Registry::Describe(kept)->failures, 1U);
}

TEST_F(RegistryTest, ADeadlineInThePastRefusesBeforeTheCall) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  Request request;
  request.deadline_ns = 1;
  const Outcome outcome = Registry::Invoke(handle, std::move(request));
  EXPECT_EQ(outcome.status.code(), Code::kDeadlineExceeded);
  EXPECT_EQ(outcome.certainty, Certainty::kNotSent);
  EXPECT_EQ(probe.calls.load(), 0);
}

TEST_F(RegistryTest, ACallByBytesCarriesThemBothWays) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  EXPECT_TRUE(Registry::RunsInline(handle));
  Request request;
  request.payload = std::string("a\0b", 3);
  const Outcome outcome = Registry::Invoke(handle, std::move(request));
  EXPECT_TRUE(outcome.status.ok());
  EXPECT_EQ(outcome.reply, std::string("a\0b", 3));
}

// --- Calls answered later ---------------------------------------------------------------------------

// The context of a callback whose calls are kept until the test answers them.
struct Remote {
  Probe* probe;
  std::mutex mutex;
  std::vector<std::unique_ptr<AsyncCall>> kept;
  std::function<void(std::unique_ptr<AsyncCall>)> on_start;  // instead of keeping

  static void Start(void* context, std::unique_ptr<AsyncCall> call) {
    auto& remote = *static_cast<Remote*>(context);
    EXPECT_EQ(remote.probe->releases.load(), 0) << "R5: started after its release function ran";
    remote.probe->in_call.fetch_add(1);
    struct Leave {
      Probe* probe;
      ~Leave() { probe->in_call.fetch_sub(1); }
    } leave{remote.probe};
    if (remote.on_start) {
      remote.on_start(std::move(call));
      return;
    }
    const std::lock_guard lock(remote.mutex);
    remote.kept.push_back(std::move(call));
  }
  static void Release(void* context) {
    auto* remote = static_cast<Remote*>(context);
    Probe::Release(remote->probe);
  }
  std::unique_ptr<AsyncCall> Take() {
    const std::lock_guard lock(mutex);
    std::unique_ptr<AsyncCall> call = std::move(kept.front());
    kept.erase(kept.begin());
    return call;
  }
};

class AsyncTest : public RegistryTest {
 protected:
  void SetUp() override {
    RegistryTest::SetUp();
    remote_.probe = &NewProbe();
    CallbackSpec spec;
    spec.target.start = &Remote::Start;
    spec.context = OwnedContext(&remote_, &Remote::Release);
    spec.label = "remote";
    handle_ = *Registry::Register(alice_, std::move(spec));
  }
  void TearDown() override {
    remote_.kept.clear();
    RegistryTest::TearDown();
  }

  Remote remote_;
  Handle handle_ = 0;
};

TEST_F(AsyncTest, R18_EveryCallEndsOnceWithItsAnswer) {
  std::vector<std::string> replies;
  for (int i = 0; i < 3; ++i) {
    Request request;
    request.payload = std::to_string(i);
    Registry::InvokeAsync(handle_, std::move(request),
                          [&](Outcome outcome) { replies.push_back(outcome.reply); });
  }
  EXPECT_FALSE(Registry::RunsInline(handle_));
  EXPECT_EQ(Registry::Describe(handle_)->in_flight, 3U);
  EXPECT_EQ(Registry::Describe(handle_)->calls, 3U);
  while (!remote_.kept.empty()) {
    const auto call = remote_.Take();
    call->Finish({{}, Certainty::kNone, "re " + call->request.payload});
  }
  EXPECT_EQ(replies, (std::vector<std::string>{"re 0", "re 1", "re 2"}));
  EXPECT_EQ(Registry::Describe(handle_)->in_flight, 0U);
}

TEST_F(AsyncTest, R18_ADroppedCallIsAbandonedAndThrowingCountsAsDropping) {
  std::vector<Code> codes;
  const auto done = [&](Outcome outcome) {
    codes.push_back(outcome.status.code());
    EXPECT_EQ(outcome.certainty, Certainty::kStarted);
  };
  Registry::InvokeAsync(handle_, {}, done);
  remote_.Take().reset();
  remote_.on_start = [](std::unique_ptr<AsyncCall>) { throw std::runtime_error("start"); };
  Registry::InvokeAsync(handle_, {}, done);
  EXPECT_EQ(codes, (std::vector<Code>{Code::kAbandoned, Code::kAbandoned}));
  EXPECT_EQ(Registry::Describe(handle_)->in_flight, 0U);
  EXPECT_EQ(Registry::Describe(handle_)->failures, 0U) << "not the callback's own failure";
}

TEST_F(AsyncTest, R18_ACallNobodyListensToStillEnds) {
  Registry::InvokeAsync(handle_, {}, nullptr);
  remote_.Take().reset();
  ASSERT_TRUE(Registry::Unregister(handle_, Code::kUnregistered).ok());
  EXPECT_TRUE(Registry::Drain(handle_, kPatienceNs).ok());
}

TEST_F(AsyncTest, R5_TheReleaseFunctionFollowsTheLastAnswer) {
  Registry::InvokeAsync(handle_, {}, [](Outcome) {});
  ASSERT_TRUE(Registry::Unregister(handle_, Code::kHostLost).ok());
  const base::Status waited = Registry::Drain(handle_, 1'000'000);
  EXPECT_EQ(waited.code(), Code::kDeadlineExceeded);
  EXPECT_NE(waited.message().find("1 calls in flight"), std::string::npos) << waited.message();
  EXPECT_EQ(remote_.probe->releases.load(), 0);
  EXPECT_EQ(CodeOf(Registry::Invoke(handle_, {}).status), Code::kHostLost);
  remote_.Take()->Finish({});
  EXPECT_TRUE(remote_.probe->released.Wait());
}

TEST_F(AsyncTest, R5_AnAnswerThatOvertakesStartDoesNotReleaseItsContext) {
  // start() is still running, with its context, when another thread has answered and unregistered.
  Event answered;
  remote_.on_start = [&](std::unique_ptr<AsyncCall> call) {
    std::thread host([&, moved = std::move(call)]() mutable {
      moved->Finish({});
      moved.reset();
      EXPECT_TRUE(Registry::Unregister(handle_, Code::kUnregistered).ok());
      EXPECT_EQ(CodeOf(Registry::Drain(handle_, 20'000'000)), Code::kDeadlineExceeded);
    });
    host.join();
    EXPECT_EQ(remote_.probe->releases.load(), 0);
  };
  Registry::InvokeAsync(handle_, {}, [&](Outcome) { answered.Set(); });
  EXPECT_TRUE(answered.Wait());
  EXPECT_TRUE(remote_.probe->released.Wait());
}

TEST_F(AsyncTest, R7_ADrainFromStartOrFromTheAnswerIsAnError) {
  Code in_start = Code::kOk;
  Code in_done = Code::kOk;
  Code close_in_done = Code::kOk;
  remote_.on_start = [&](std::unique_ptr<AsyncCall> call) {
    ASSERT_TRUE(Registry::Unregister(handle_, Code::kUnregistered).ok());
    in_start = CodeOf(Registry::Drain(handle_, kPatienceNs));
    call->Finish({});
  };
  Registry::InvokeAsync(handle_, {}, [&](Outcome) {
    in_done = CodeOf(Registry::Drain(handle_, kPatienceNs));
    close_in_done = CodeOf(registry_->Close(kPatienceNs));
  });
  EXPECT_EQ(in_start, Code::kWouldDeadlock);
  EXPECT_EQ(in_done, Code::kWouldDeadlock);
  EXPECT_EQ(close_in_done, Code::kWouldDeadlock);
  EXPECT_TRUE(remote_.probe->released.Wait());
}

TEST_F(AsyncTest, R9_StartsNestAsCallsDo) {
  int depth = 0;
  Code last = Code::kOk;
  remote_.on_start = [&](std::unique_ptr<AsyncCall> call) {
    ++depth;
    Registry::InvokeAsync(handle_, {}, [&](Outcome outcome) {
      if (!outcome.status.ok()) last = outcome.status.code();
    });
    call->Finish({});
  };
  Registry::InvokeAsync(handle_, {}, [](Outcome) {});
  EXPECT_EQ(last, Code::kRecursionLimit);
  EXPECT_EQ(depth, 64);
}

TEST_F(AsyncTest, ADeadlineThatPassesLeavesTheCallInFlight) {
  Request request;
  request.deadline_ns = base::Clock::System().MonotonicNs() + 5'000'000;
  const Outcome outcome = Registry::Invoke(handle_, std::move(request));
  EXPECT_EQ(outcome.status.code(), Code::kDeadlineExceeded);
  EXPECT_EQ(outcome.certainty, Certainty::kSentUnknown);
  EXPECT_EQ(Registry::Describe(handle_)->in_flight, 1U);
  remote_.Take()->Finish({});  // a late answer is dropped
  EXPECT_EQ(Registry::Describe(handle_)->in_flight, 0U);
}

TEST_F(AsyncTest, R4_RefusalsAreToldAsNotSent) {
  const Handle weak = *Registry::Retain(handle_, bob_, kRightRetain);
  const Outcome denied = Registry::Invoke(weak, {});
  EXPECT_EQ(denied.status.code(), Code::kPermissionDenied);
  EXPECT_EQ(denied.certainty, Certainty::kNotSent);
  const Outcome malformed = Registry::Invoke(1, {});
  EXPECT_EQ(malformed.status.code(), Code::kMalformed);
  EXPECT_EQ(malformed.certainty, Certainty::kNotSent);
}

TEST_F(AsyncTest, R15_OnlyTheCallbacksOwnFailuresCount) {
  Registry::InvokeAsync(handle_, {}, [](Outcome) {});
  remote_.Take()->Finish({base::Status(Code::kCallbackFailed, "no"), Certainty::kStarted, {}});
  Registry::InvokeAsync(handle_, {}, [](Outcome) {});
  remote_.Take()->Finish({base::Status(Code::kHostLost, "gone"), Certainty::kSentUnknown, {}});
  EXPECT_EQ(Registry::Describe(handle_)->failures, 1U);
}

TEST_F(RegistryTest, R15_AFailureIsCountedThroughAnyHandleOfItsCallback) {
  const Handle handle = Register(alice_, NewProbe());
  const Handle other = *Registry::Retain(handle, bob_, 0);
  Registry::CountFailure(handle);
  Registry::CountFailure(other);
  Registry::CountFailure(alice_);  // an owner has none
  EXPECT_EQ(Registry::Describe(handle)->failures, 2U);
}

}  // namespace
}  // namespace belay::registry
