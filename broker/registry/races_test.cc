// What is asked of a handle, or of a registry, that ends between the question's look and its lock (R1, R2, R12).
//
// The schedule is fixed: the thread that ends it is stopped in the clock, which the registry reads under its
// lock; the one that asks has found what it asks for and waits for that lock when the first one goes on.
#include <unistd.h>

#include <array>
#include <fstream>
#include <optional>
#include <string>

#include "broker/registry/executor_objects.h"
#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;

// The system's clock, which stops one thread once.
class StoppingClock final : public base::Clock {
 public:
  std::int64_t MonotonicNs() const override { return base::Clock::System().MonotonicNs(); }
  std::int64_t WallNs() const override { return base::Clock::System().WallNs(); }
  std::int64_t CoarseMonotonicNs() const override {
    if (armed_ && std::this_thread::get_id() == stops_ && armed_.exchange(false)) {
      stopped.Set();
      EXPECT_TRUE(go.Wait());
    }
    return base::Clock::System().CoarseMonotonicNs();
  }
  // Stops the calling thread when it next asks.
  void StopHere() {
    stops_ = std::this_thread::get_id();
    armed_ = true;
  }

  mutable Event stopped;
  mutable Event go;

 private:
  std::thread::id stops_;  // written before armed_
  mutable std::atomic<bool> armed_{false};
};

// True once the thread sleeps, which here it can in one place only.
bool Sleeps(pid_t thread) {
  std::ifstream stat("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string text;
  std::getline(stat, text);
  const std::size_t name_ends = text.rfind(')');
  return name_ends != std::string::npos && text.compare(name_ends, 3, ") S") == 0;
}

class RacesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    RegistryOptions options;
    options.name = "test";
    options.clock = &clock_;
    options.log = [](LogLevel, std::string_view) {};
    auto opened = Registry::Open(std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    registry_ = std::move(*opened);
    owner_ = *registry_->OpenOwner("owner");
    callback_ = *Registry::Register(registry_->handle(), probe_.Spec());
    another_ = *Registry::Retain(callback_, 0, 0);
  }
  void TearDown() override {
    if (registry_) (void)registry_->Close(kPatienceNs);
  }

  // What `ask` is told if `end` comes in between.
  template <typename End, typename Ask>
  Code Between(End end, Ask ask) {
    std::thread ending([&] {
      clock_.StopHere();
      end();
    });
    EXPECT_TRUE(clock_.stopped.Wait());
    std::atomic<pid_t> id{0};
    Code told = Code::kOk;
    std::thread asking([&] {
      id = ::gettid();
      told = CodeOf(ask());
    });
    EXPECT_TRUE(Eventually([&] { return id != 0 && Sleeps(id); }));
    clock_.go.Set();
    ending.join();
    asking.join();
    return told;
  }
  // The callback lives on, by another handle.
  template <typename Ask>
  Code WhileReleased(Ask ask) {
    return Between([&] { (void)Registry::Release(callback_); }, ask);
  }
  template <typename Ask>
  Code WhileOwnerCloses(Ask ask) {
    return Between([&] { (void)Registry::CloseOwner(owner_); }, ask);
  }
  template <typename Ask>
  Code WhileClosing(Ask ask) {
    return Between([&] { EXPECT_TRUE(registry_->Close(kPatienceNs).ok()); }, ask);
  }

  StoppingClock clock_;
  Probe probe_;
  Probe other_;
  Ref<Registry> registry_;
  Handle owner_ = 0;
  Handle callback_ = 0;
  Handle another_ = 0;  // to the same
};

TEST_F(RacesTest, R2_TwoReleasesAreOne) {
  EXPECT_EQ(WhileReleased([&] { return Registry::Release(callback_); }), Code::kStale);
}
TEST_F(RacesTest, R1_ARetainComesTooLate) {
  EXPECT_EQ(WhileReleased([&] { return Registry::Retain(callback_, 0, 0); }), Code::kStale);
}
TEST_F(RacesTest, R1_AnUnregisterComesTooLate) {
  EXPECT_EQ(WhileReleased([&] { return Registry::Unregister(callback_, Code::kUnregistered); }),
            Code::kStale);
}
TEST_F(RacesTest, R1_ASuspendComesTooLate) {
  EXPECT_EQ(WhileReleased([&] { return Registry::Suspend(callback_, 0); }), Code::kStale);
}
TEST_F(RacesTest, R1_AResumeComesTooLate) {
  EXPECT_EQ(WhileReleased([&] { return Registry::Resume(callback_); }), Code::kStale);
}
TEST_F(RacesTest, R1_ATransferComesTooLate) {
  EXPECT_EQ(WhileReleased([&] { return Registry::Transfer(callback_, owner_); }), Code::kStale);
}
TEST_F(RacesTest, R14_AQuarantineComesTooLate) {
  EXPECT_EQ(WhileReleased([&] { return Registry::Quarantine(callback_); }), Code::kStale);
}
TEST_F(RacesTest, R14_ARestoreComesTooLate) {
  EXPECT_EQ(WhileReleased([&] { return Registry::Restore(callback_); }), Code::kStale);
}
TEST_F(RacesTest, R15_AnExplanationTellsTheEnd) {
  EXPECT_EQ(WhileReleased([&] {
              const auto told = Registry::Explain(callback_);
              EXPECT_NE(told->find("released by \"test\""), std::string::npos) << *told;
              return told.status();
            }),
            Code::kOk);
}
TEST_F(RacesTest, R19_AHandleThatEndsHasNoHolderWhosePolicyCounts) {
  const OwnerOptions strict{{}, MisusePolicy::kLog};
  const Handle holder = *Registry::OpenOwner(registry_->handle(), "strict", strict);
  ASSERT_TRUE(Registry::Transfer(callback_, holder).ok());
  MisusePolicy before = MisusePolicy::kReturn;
  MisusePolicy after = MisusePolicy::kLog;
  {
    const TransientPin pin(callback_);
    before = Registry::HolderPolicy(callback_);
  }
  (void)WhileReleased([&] {
    const TransientPin pin(callback_);
    after = Registry::HolderPolicy(callback_);
    return base::Status();
  });
  EXPECT_EQ(before, MisusePolicy::kLog);
  EXPECT_EQ(after, MisusePolicy::kReturn) << "the registry's own";
}
TEST_F(RacesTest, R4_ACallComesTooLate) {
  const auto refused = [&] { return Registry::Refusal(callback_); };
  EXPECT_EQ(WhileReleased(refused), Code::kStale);
}
TEST_F(RacesTest, R12_TwoClosesOfAnOwnerAreOne) {
  EXPECT_EQ(WhileOwnerCloses([&] { return Registry::CloseOwner(owner_); }), Code::kStale);
}
TEST_F(RacesTest, R12_AClosedOwnerOpensNone) {
  EXPECT_EQ(WhileOwnerCloses([&] { return Registry::OpenOwner(owner_, "inner", {}); }),
            Code::kOwnerClosed);
}
TEST_F(RacesTest, R12_AClosedOwnerRegistersNothing) {
  EXPECT_EQ(WhileOwnerCloses([&] { return Registry::Register(owner_, other_.Spec()); }),
            Code::kOwnerClosed);
  EXPECT_TRUE(other_.released.Wait()) << "R3";
}
TEST_F(RacesTest, R12_AClosedOwnerHoldsNothing) {
  EXPECT_EQ(WhileOwnerCloses([&] { return Registry::Retain(callback_, owner_, 0); }),
            Code::kOwnerClosed);
}
TEST_F(RacesTest, R12_NothingIsTransferredToAClosedOwner) {
  EXPECT_EQ(WhileOwnerCloses([&] { return Registry::Transfer(callback_, owner_); }),
            Code::kOwnerClosed);
}
TEST_F(RacesTest, R12_AClosedOwnerOpensNoQueue) {
  EXPECT_EQ(WhileOwnerCloses([&] { return OpenQueue(owner_, {.name = "q"}); }), Code::kOwnerClosed);
}
TEST_F(RacesTest, R12_AClosedBrokerOpensNoOwner) {
  EXPECT_EQ(WhileClosing([&] { return registry_->OpenOwner("late"); }), Code::kClosed);
}
TEST_F(RacesTest, R12_AClosedBrokerRegistersNothing) {
  EXPECT_EQ(WhileClosing([&] { return Registry::Register(registry_->handle(), other_.Spec()); }),
            Code::kClosed);
  EXPECT_TRUE(other_.released.Wait()) << "R3";
}
TEST_F(RacesTest, R12_AClosedBrokerOpensNoQueue) {
  EXPECT_EQ(WhileClosing([&] { return OpenQueue(registry_->handle(), {.name = "q"}); }),
            Code::kClosed);
}
TEST_F(RacesTest, R7_AClosedBrokerGivesNoNoticeOfADrain) {
  ASSERT_TRUE(Registry::Unregister(callback_, Code::kUnregistered).ok());
  ASSERT_TRUE(Registry::Drain(callback_, kPatienceNs).ok());
  std::atomic<int> notices{0};
  EXPECT_EQ(WhileClosing([&] {
              return Registry::NotifyDrained(
                  callback_, [](void* count) { ++*static_cast<std::atomic<int>*>(count); },
                  &notices);
            }),
            Code::kClosed);
  registry_ = {};
  EXPECT_EQ(notices, 0) << "it does not run on failure";
}
TEST_F(RacesTest, R12_AClosedBrokerHasNoPool) {
  EXPECT_EQ(WhileClosing([&] { return PoolOf(registry_->handle()); }), Code::kClosed);
}
TEST_F(RacesTest, R12_AClosedBrokerOpensNoStrand) {
  EXPECT_EQ(WhileClosing([&] { return OpenStrand(registry_->handle(), {.name = "s"}); }),
            Code::kClosed);
}
TEST_F(RacesTest, R12_AClosedBrokerHasNoStrandForACallback) {
  EXPECT_EQ(WhileClosing([&] { return OwnStrandOf(registry_->handle(), "s"); }), Code::kClosed);
}

}  // namespace
}  // namespace belay::registry
