// Destruction in any order (R12), the leak report (R15), and fork (R13).
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;

TEST_F(RegistryTest, R12_ClosingWithEverythingOpenReleasesEverything) {
  for (int i = 0; i < 50; ++i) {
    const Handle handle = Register(i % 2 == 0 ? alice_ : registry_->handle(), NewProbe());
    ASSERT_TRUE(Registry::Retain(handle, bob_, 0).ok());
  }
  ASSERT_TRUE(registry_->Close(kPatienceNs).ok());
  for (const Probe& probe : probes_) EXPECT_EQ(probe.releases.load(), 1);
  EXPECT_EQ(CodeOf(registry_->Close(0)), Code::kClosed);
  EXPECT_EQ(CodeOf(registry_->OpenOwner("late")), Code::kClosed);
  EXPECT_EQ(CodeOf(Registry::CloseOwner(alice_)), Code::kStale);
}

TEST_F(RegistryTest, R12_OwnersHandlesAndCallbacksEndInAnyOrder) {
  // All orders of: release own handle, release the other's, close the owner, close the holder, unregister.
  std::vector<int> order = {0, 1, 2, 3, 4};
  do {
    const Handle owner = Owner("owner");
    const Handle holder = Owner("holder");
    Probe& probe = NewProbe();
    const Handle own = Register(owner, probe);
    const Handle other = *Registry::Retain(own, holder, 0);
    for (const int step : order) {
      base::Status status;
      if (step == 0) status = Registry::Release(own);
      if (step == 1) status = Registry::Release(other);
      if (step == 2) status = Registry::CloseOwner(owner);
      if (step == 3) status = Registry::CloseOwner(holder);
      if (step == 4) status = Registry::Unregister(own, Code::kUnregistered);
      EXPECT_TRUE(status.ok() || status.code() == Code::kStale)
          << step << ": " << status.ToString();
      (void)Call(own);
      (void)Call(other);
    }
    ASSERT_TRUE(probe.released.Wait());
    ASSERT_EQ(CodeOf(Call(own)), Code::kStale);
    ASSERT_EQ(CodeOf(Call(other)), Code::kStale);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(RegistryTest, R12_ClosingAnOwnerRevokesWhatItRegisteredAndDropsWhatItHolds) {
  Probe& registered = NewProbe();
  Probe& held = NewProbe();
  const Handle own = Register(alice_, registered);
  const Handle others = *Registry::Retain(own, bob_, 0);
  const Handle foreign = Register(bob_, held);
  const Handle borrowed = *Registry::Retain(foreign, alice_, 0);
  ASSERT_TRUE(Registry::CloseOwner(alice_).ok());
  EXPECT_EQ(CodeOf(Call(own)), Code::kStale);
  EXPECT_EQ(CodeOf(Call(others)), Code::kOwnerClosed);
  EXPECT_EQ(CodeOf(Call(borrowed)), Code::kStale);
  EXPECT_TRUE(Call(foreign).ok());
  EXPECT_EQ(Registry::Describe(foreign)->references, 1U);
  EXPECT_TRUE(registered.released.Wait());
  EXPECT_EQ(held.releases.load(), 0);
  EXPECT_EQ(CodeOf(Registry::CloseOwner(alice_)), Code::kStale);
}

TEST_F(RegistryTest, R12_ACloseWithACallInFlightFinishesInTheBackground) {
  Probe& probe = NewProbe();
  Probe& idle = NewProbe();
  const Handle handle = Register(alice_, probe);
  Register(alice_, idle);
  BlockedCall call(handle, probe);
  EXPECT_EQ(CodeOf(registry_->Close(5'000'000)), Code::kDeadlineExceeded);
  EXPECT_EQ(CodeOf(Call(handle)), Code::kStale);
  EXPECT_TRUE(idle.released.Wait()) << "what is idle does not wait for what is not";
  EXPECT_EQ(probe.releases.load(), 0);
  call.Finish();
  EXPECT_TRUE(probe.released.Wait());
}

TEST_F(RegistryTest, R12_AnAttachmentLivesUntilTheLastCallHasReturned) {
  Event gone;
  registry_->SetAttachment(
      std::shared_ptr<void>(&gone, [](void* event) { static_cast<Event*>(event)->Set(); }));
  EXPECT_NE(registry_->attachment(), nullptr);
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  BlockedCall call(handle, probe);
  EXPECT_EQ(CodeOf(registry_->Close(0)), Code::kDeadlineExceeded);
  EXPECT_FALSE(gone.is_set());
  call.Finish();
  EXPECT_TRUE(gone.Wait());
}

TEST_F(RegistryTest, R12_ClosingInsideACallbackIsLegal) {
  Probe& probe = NewProbe();
  Code code = Code::kOk;
  probe.body = [&] { code = CodeOf(registry_->Close(kPatienceNs)); };
  const Handle handle = Register(alice_, probe);
  EXPECT_TRUE(Call(handle).ok());
  EXPECT_EQ(code, Code::kWouldDeadlock);
  EXPECT_TRUE(probe.released.Wait());
}

TEST_F(RegistryTest, R12_ClosingInsideAReleaseFunctionIsLegal) {
  Probe& probe = NewProbe();
  Code code = Code::kOk;
  probe.on_release = [&] { code = CodeOf(registry_->Close(kPatienceNs)); };
  const Handle handle = Register(alice_, probe);
  Probe& other = NewProbe();
  Register(bob_, other);
  ASSERT_TRUE(Registry::Release(handle).ok());
  EXPECT_TRUE(probe.released.Wait());
  EXPECT_TRUE(other.released.Wait());
  EXPECT_EQ(code, Code::kWouldDeadlock);
}

TEST_F(RegistryTest, R12_RegistriesCloseWhileOthersLive) {
  for (int i = 0; i < 20; ++i) {
    auto other = Registry::Open({});
    ASSERT_TRUE(other.ok());
    Probe& probe = NewProbe();
    const Handle handle = Register((*other)->handle(), probe);
    EXPECT_TRUE(Call(handle).ok());
    if (i % 2 == 0) {
      EXPECT_TRUE((*other)->Close(kPatienceNs).ok());
    } else {
      EXPECT_TRUE(Registry::Release(handle).ok());
      EXPECT_TRUE((*other)->Close(kPatienceNs).ok());
    }
    EXPECT_EQ(probe.releases.load(), 1);
  }
}

TEST_F(RegistryTest, R15_AnOpenHandleAtCloseIsReportedWithOwnerLabelAndSite) {
  const Handle handle = Register(alice_, NewProbe(), "sums");
  ASSERT_TRUE(Registry::Retain(handle, bob_, 0).ok());
  ASSERT_TRUE(Registry::Release(Register(alice_, NewProbe(), "tidy")).ok());
  ASSERT_TRUE(registry_->Close(kPatienceNs).ok());
  auto lines = Log();
  std::sort(lines.begin(), lines.end());
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0],
            "still open at close of \"test\": 1 handle of callback \"sums\", owner \"alice\", held "
            "by \"alice\", for up to 0 s, "
            "registered at here.cc:1");
  EXPECT_EQ(lines[1],
            "still open at close of \"test\": 1 handle of callback \"sums\", owner \"alice\", held "
            "by \"bob\", for up to 0 s, "
            "registered at here.cc:1");
}

TEST_F(RegistryTest, R15_HandlesOfOneOriginAndHolderAreReportedTogetherAlsoWhenAnOwnerCloses) {
  for (int i = 0; i < 3; ++i) Register(alice_, NewProbe(), "many");
  const Handle typed = *Registry::Register(alice_, NewProbe().TypedSpec("void()"));
  const Handle pin = Registry::PinTyped(typed, "void()")->pin;
  ASSERT_TRUE(Registry::CloseOwner(bob_).ok());
  EXPECT_TRUE(Log().empty()) << "it held nothing";
  ASSERT_TRUE(Registry::CloseOwner(alice_).ok());
  auto lines = Log();
  std::sort(lines.begin(), lines.end());
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_TRUE(
      lines[0].starts_with("still open at close of \"alice\": 1 handle of callback \"typed\""))
      << lines[0];
  EXPECT_TRUE(lines[1].starts_with("still open at close of \"alice\": 1 pin of callback \"typed\""))
      << lines[1];
  EXPECT_TRUE(
      lines[2].starts_with("still open at close of \"alice\": 3 handles of callback \"many\""))
      << lines[2];
  EXPECT_TRUE(Registry::Release(pin).ok());
}

TEST_F(RegistryTest, R15_ALongLeakReportIsCutAndCounted) {
  for (int i = 0; i < 30; ++i) Register(alice_, NewProbe(), "label " + std::to_string(i));
  ASSERT_TRUE(registry_->Close(kPatienceNs).ok());
  const auto lines = Log();
  ASSERT_EQ(lines.size(), 21U);
  EXPECT_EQ(lines.back(), "... and of 10 origins and holders more");
}

// --- R13 --------------------------------------------------------------------------------------------

// Runs `body` in a child, whose answer is its exit status: 0, or the line of the first thing wrong there.
// gtest's own macros are of no use in a fork of a threaded process.
int InChild(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

#define CHECK_IN_CHILD(condition) \
  if (!(condition)) return __LINE__ % 250 + 1

TEST_F(RegistryTest, R15_ALeakReportLooksAtSoManyHandlesAndSaysSo) {
  const Handle handle = Register(alice_, NewProbe());
  for (int i = 0; i < 4096; ++i) ASSERT_TRUE(Registry::Retain(handle, alice_, 0).ok());
  // It is seen first, and what it holds would come last.
  const Handle inner = *Registry::OpenOwner(alice_, "inner");
  (void)Register(inner, NewProbe(), "unseen");
  ASSERT_TRUE(Registry::CloseOwner(alice_).ok());
  const std::vector<std::string> lines = Log();
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines.back(), "... and perhaps more: 4096 handles were looked at");
  for (const std::string& line : lines) EXPECT_EQ(line.find("unseen"), std::string::npos) << line;
}

TEST_F(RegistryTest, R13_InTheChildEveryCallSaysClosedAndNothingIsReleased) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  Probe& late = NewProbe();
  ASSERT_TRUE(Call(handle).ok());
  EXPECT_EQ(
      InChild([&] {
        CHECK_IN_CHILD(CodeOf(Call(handle)) == Code::kClosed);
        CHECK_IN_CHILD(CodeOf(Call(0)) == Code::kClosed);
        CHECK_IN_CHILD(CodeOf(Registry::Invoke(handle, {}).status) == Code::kClosed);
        CHECK_IN_CHILD(CodeOf(Registry::Retain(handle, 0, 0)) == Code::kClosed);
        CHECK_IN_CHILD(CodeOf(Registry::Release(handle)) == Code::kClosed);
        CHECK_IN_CHILD(CodeOf(Registry::Unregister(handle, Code::kUnregistered)) == Code::kClosed);
        CHECK_IN_CHILD(CodeOf(Registry::Drain(handle, kPatienceNs)) == Code::kClosed);
        CHECK_IN_CHILD(CodeOf(Registry::NotifyDrained(
                           handle, [](void*) {}, nullptr)) == Code::kClosed);
        CHECK_IN_CHILD(CodeOf(Registry::PinTyped(handle, "void()")) == Code::kClosed);
        CHECK_IN_CHILD(CodeOf(Registry::Describe(handle)) == Code::kClosed);
        CHECK_IN_CHILD(CodeOf(Registry::Explain(handle)) == Code::kClosed);
        CHECK_IN_CHILD(CodeOf(registry_->ReadEvents(1, 10, kPatienceNs)) == Code::kClosed);
        CHECK_IN_CHILD(registry_->RunningCalls(0).empty());
        CHECK_IN_CHILD(CodeOf(Registry::CloseOwner(alice_)) == Code::kClosed);
        CHECK_IN_CHILD(CodeOf(Registry::Open({})) == Code::kClosed);
        CHECK_IN_CHILD(CodeOf(registry_->OpenOwner("child")) == Code::kClosed);
        CHECK_IN_CHILD(CodeOf(registry_->Close(kPatienceNs)) == Code::kClosed);
        CHECK_IN_CHILD(CodeOf(registry_->Insert({})) == Code::kClosed);
        CHECK_IN_CHILD(Registry::Holders(handle).empty());
        CHECK_IN_CHILD(!Registry::RunsInline(handle));
        std::uint64_t after = 0;
        CHECK_IN_CHILD(registry_->List(&after, 10).empty());
        // A context handed over in the child is the child's, and R3 holds for it.
        CHECK_IN_CHILD(CodeOf(Registry::Register(alice_, late.Spec())) == Code::kClosed);
        CHECK_IN_CHILD(late.releases.load() == 1);
        CHECK_IN_CHILD(probe.releases.load() == 0);
        return 0;
      }),
      0);
  EXPECT_TRUE(Call(handle).ok()) << "the parent lives on";
  ASSERT_TRUE(Registry::Release(handle).ok());
  EXPECT_TRUE(probe.released.Wait());
}

TEST_F(RegistryTest, R13_AChildForkedInsideACallReturnsFromIt) {
  Probe& probe = NewProbe();
  Handle handle = 0;
  pid_t child = -1;
  probe.body = [&] { child = ::fork(); };
  handle = Register(alice_, probe);
  ASSERT_TRUE(Call(handle).ok());
  if (child == 0)
    ::_exit(CodeOf(Call(handle)) == Code::kClosed && probe.releases.load() == 0 ? 0 : 1);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  probe.body = nullptr;
  EXPECT_TRUE(Call(handle).ok());
}

TEST_F(RegistryTest, R13_AChildForkedInsideAReleaseFunctionReleasesNothing) {
  Probe& forking = NewProbe();
  Probe& next = NewProbe();
  pid_t child = -1;
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  Event both;
  forking.on_release = [&] {
    EXPECT_TRUE(both.Wait());
    child = ::fork();
  };
  next.on_release = [&] {
    if (HandleTable::Forked()) (void)!::write(pipe_ends[1], "x", 1);
  };
  ASSERT_TRUE(Registry::Release(Register(alice_, forking)).ok());
  ASSERT_TRUE(Registry::Release(Register(alice_, next)).ok());
  both.Set();
  ASSERT_TRUE(next.released.Wait());
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ::close(pipe_ends[1]);
  char byte;
  EXPECT_EQ(::read(pipe_ends[0], &byte, 1), 0) << "the child ran a release function of its parent";
  ::close(pipe_ends[0]);
}

TEST_F(RegistryTest, R13_ForkingWhileOtherThreadsWorkLeavesBothSidesSound) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      Probe mine;
      while (!stop.load()) {
        Event gone;
        mine.releases.store(0);
        CallbackSpec spec = mine.Spec();
        const Handle handle = *Registry::Register(alice_, std::move(spec));
        EXPECT_TRUE(Call(handle).ok());
        EXPECT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
        EXPECT_TRUE(Registry::Drain(handle, kPatienceNs).ok());
        EXPECT_TRUE(Registry::Release(handle).ok());
      }
    });
  }
  const Handle handle = Register(bob_, NewProbe());
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(InChild([&] {
                CHECK_IN_CHILD(CodeOf(Call(handle)) == Code::kClosed);
                CHECK_IN_CHILD(CodeOf(Registry::Release(handle)) == Code::kClosed);
                CHECK_IN_CHILD(CodeOf(registry_->Close(0)) == Code::kClosed);
                return 0;
              }),
              0);
    EXPECT_TRUE(Call(handle).ok());
  }
  stop.store(true);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace belay::registry
