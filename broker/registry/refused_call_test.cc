// What the kernel refuses, the library does without, or names (R6, I7).
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <thread>

#include "broker/registry/handle_table.h"
#include "broker/registry/refused_call_test_util.h"
#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;

TEST(RefusedCallTest, R6_ABrokerWithoutAThreadIsNotOpened) {
  base::Status opened;
  std::thread([&] {
    RefuseThreadsFromNowOn();
    opened = Registry::Open({}).status();
  }).join();
  EXPECT_EQ(opened.code(), Code::kResourceExhausted);
  EXPECT_NE(opened.message().find("thread"), std::string::npos) << opened.message();
}

// What is decided once in a process: each in one of its own.
class RefusedCallDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

// Ends the process: well if nothing has failed in it.
[[noreturn]] void ExitWell() { std::exit(::testing::Test::HasFailure() ? 1 : 0); }

void CallThroughPortableFences() {
  RefuseFromNowOn({.number = SYS_membarrier, .error = ENOSYS});
  Probe probe;
  const Ref<Registry> registry = *Registry::Open({});
  EXPECT_EQ(HandleTable::Get().fence_mode(), FenceMode::kPortable);
  const Handle handle = *Registry::Register(registry->handle(), probe.Spec());
  {
    BlockedCall call(handle, probe);
    EXPECT_TRUE(Registry::Release(handle).ok());
    EXPECT_EQ(probe.releases.load(), 0);
  }
  EXPECT_TRUE(probe.released.Wait());
  EXPECT_EQ(Call(handle).code(), Code::kStale);
  EXPECT_TRUE(registry->Close(kPatienceNs).ok());
}

TEST_F(RefusedCallDeathTest, R5_WithoutMembarrierFencesArePortable) {
  EXPECT_EXIT((CallThroughPortableFences(), ExitWell()), ::testing::ExitedWithCode(0), "");
}

void WishForAFenceThatIsNone() {
  ::unsetenv("BELAY_FENCE");
  const FenceMode unwished = InitFence();
  ::setenv("BELAY_FENCE", "none", 1);
  EXPECT_EQ(InitFence(), unwished);
}

TEST_F(RefusedCallDeathTest, R5_AWishForAnUnknownFenceIsNone) {
  EXPECT_EXIT((WishForAFenceThatIsNone(), ExitWell()), ::testing::ExitedWithCode(0), "");
}

void UseATableWithoutMemory() {
  constexpr std::uint32_t kTableBytes = HandleTable::kSlots * sizeof(Slot);
  RefuseFromNowOn({.number = SYS_mmap, .length_bytes = kTableBytes, .error = ENOMEM});
  const base::Status opened = Registry::Open({}).status();
  EXPECT_EQ(opened.code(), Code::kResourceExhausted);
  EXPECT_EQ(opened.reason(), "HANDLE_TABLE_FULL");
  constexpr Handle kForged = MakeHandle(Kind::kCallback, 1, HandleTable::kFirstSlot);
  EXPECT_EQ(Call(kForged).code(), Code::kMalformed);
  EXPECT_EQ(Registry::Release(kForged).code(), Code::kMalformed);
  EXPECT_EQ(Registry::Invoke(kForged, {}).status.code(), Code::kMalformed);
  const pid_t child = ::fork();
  if (child == 0) ::_exit(Call(kForged).code() == Code::kClosed ? 0 : 1);
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "R13";
}

TEST_F(RefusedCallDeathTest, R6_ATableThatCannotBeReservedIsFull) {
  EXPECT_EXIT((UseATableWithoutMemory(), ExitWell()), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace belay::registry
