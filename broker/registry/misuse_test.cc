// What misuse of a handle causes, by the policy of who holds or held it (R19).
#include <dlfcn.h>
#include <execinfo.h>

#include <algorithm>

#include "broker/registry/test_util.h"

namespace {
thread_local bool no_memory_for_names = false;
}  // namespace

// In the place of the C library's, which has no other way of being short of memory.
char** backtrace_symbols(void* const* addresses, int count) noexcept {
  static const auto real =
      reinterpret_cast<char** (*)(void* const*, int)>(::dlsym(RTLD_NEXT, "backtrace_symbols"));
  return no_memory_for_names ? nullptr : real(addresses, count);
}

namespace belay::registry {
namespace {

using base::Code;

class MisuseTest : public RegistryTest {
 protected:
  Handle OwnerWith(MisusePolicy policy, Handle parent = 0) {
    return *Registry::OpenOwner(parent == 0 ? registry_->handle() : parent, "strict", {{}, policy});
  }
  // A handle that `owner` has released.
  Handle Dead(Handle owner) {
    const Handle handle = Register(owner, NewProbe(), "dead");
    EXPECT_TRUE(Registry::Release(handle).ok());
    return handle;
  }
  int Told() {
    const auto log = Log();
    return static_cast<int>(std::count_if(log.begin(), log.end(), [](const std::string& line) {
      return line.starts_with("misuse: ");
    }));
  }
};

TEST_F(MisuseTest, R19_TheDefaultIsTheCodeAndNoWord) {
  EXPECT_EQ(Registry::Release(Dead(alice_)).code(), Code::kStale);
  EXPECT_EQ(Registry::CloseOwner(Register(alice_, NewProbe())).code(), Code::kWrongKind);
  EXPECT_EQ(Registry::Release(0x123456789).code(), Code::kMalformed);
  EXPECT_EQ(Told(), 0);
}

TEST_F(MisuseTest, R19_ALoggedMisuseIsOneLineWithAStack) {
  const Handle owner = OwnerWith(MisusePolicy::kLog);
  const Handle dead = Dead(owner);
  EXPECT_EQ(Registry::Release(dead).code(), Code::kStale) << "the code is the same";
  ASSERT_EQ(Told(), 1);
  const std::string line = Log().back();
  EXPECT_NE(line.find("released by \"strict\""), std::string::npos) << line;
  EXPECT_NE(line.find("; stack: "), std::string::npos) << line;
  EXPECT_NE(line.find("["), std::string::npos) << "no address: " << line;
  EXPECT_EQ(line.find('\n'), std::string::npos);
}

TEST_F(MisuseTest, R19_AMisuseIsToldWithoutAStackIfThereIsNoMemoryForIt) {
  const Handle dead = Dead(OwnerWith(MisusePolicy::kLog));
  no_memory_for_names = true;
  EXPECT_EQ(Registry::Release(dead).code(), Code::kStale);
  no_memory_for_names = false;
  ASSERT_EQ(Told(), 1);
  EXPECT_TRUE(Log().back().ends_with("; stack: no memory for it")) << Log().back();
}

TEST_F(MisuseTest, R19_EveryWayOfUsingAHandleWronglyIsMisuse) {
  const Handle owner = OwnerWith(MisusePolicy::kLog);
  const Handle dead = Dead(owner);
  const Handle live = Register(owner, NewProbe());
  const std::vector<std::function<base::Code()>> ways = {
      [&] { return Call(dead).code(); },
      [&] { return Registry::Invoke(dead, {}).status.code(); },
      [&] { return Registry::Retain(dead, 0, 0).code(); },
      [&] { return Registry::Retain(live, dead, 0).code(); },
      [&] { return Registry::Unregister(dead, Code::kUnregistered).code(); },
      [&] { return Registry::Drain(dead, 0).code(); },
      [&] { return Registry::Suspend(dead, 0).code(); },
      [&] { return Registry::Transfer(dead, alice_).code(); },
      [&] { return Registry::Describe(dead).code(); },
      [&] { return Registry::PinTyped(dead, "void()").code(); },
      [&] { return Registry::Find(live, Kind::kPin).code(); },
      [&] { return Registry::CloseOwner(live).code(); },
      [&] { return Registry::Retain(live, live, 0).code(); },
  };
  int told = 0;
  for (const auto& way : ways) {
    const Code code = way();
    EXPECT_TRUE(code == Code::kStale || code == Code::kWrongKind) << base::CodeName(code);
    EXPECT_EQ(Told(), ++told) << "way " << told;
  }
}

TEST_F(MisuseTest, R19_OwnersInheritThePolicyOfTheirParentsAndMayHaveTheirOwn) {
  const Handle strict = OwnerWith(MisusePolicy::kLog);
  const Handle inner = OwnerWith(MisusePolicy::kInherit, strict);
  const Handle lenient = OwnerWith(MisusePolicy::kReturn, strict);
  (void)Registry::Release(Dead(inner));
  EXPECT_EQ(Told(), 1);
  (void)Registry::Release(Dead(lenient));
  EXPECT_EQ(Told(), 1);
  // A handle passed on is judged by who has it.
  const Handle given = Register(strict, NewProbe());
  ASSERT_TRUE(Registry::Transfer(given, alice_).ok());
  ASSERT_TRUE(Registry::Release(given).ok());
  (void)Registry::Release(given);
  EXPECT_EQ(Told(), 1);
}

TEST_F(MisuseTest, R19_WhatNobodyKnowsIsJudgedByTheStrictestOpenRegistry) {
  (void)Registry::Release(0x123456789);
  EXPECT_EQ(Told(), 0);
  std::vector<std::string> lines;
  RegistryOptions options;
  options.misuse = MisusePolicy::kLog;
  options.log = [&lines](LogLevel, std::string_view text) { lines.emplace_back(text); };
  auto strict = Registry::Open(std::move(options));
  ASSERT_TRUE(strict.ok());
  EXPECT_EQ(Registry::Release(0x123456789).code(), Code::kMalformed);
  EXPECT_EQ(lines.size(), 1U);
  EXPECT_TRUE((*strict)->Close(kPatienceNs).ok());
  EXPECT_EQ(Registry::Release(0x123456789).code(), Code::kMalformed);
  EXPECT_EQ(lines.size(), 1U) << "the strict one is closed";
}

TEST_F(MisuseTest, R8_TheLogRunsUnderNoLock) {
  // Looking around from inside the log needs every lock that a release takes.
  Ref<Registry> registry;
  std::size_t seen = 0;
  RegistryOptions options;
  options.misuse = MisusePolicy::kLog;
  options.log = [&](LogLevel, std::string_view) {
    std::uint64_t after = 0;
    seen = registry->List(&after, 100).size();
  };
  registry = *Registry::Open(std::move(options));
  const Handle handle = Register(registry->handle(), NewProbe());
  ASSERT_TRUE(Registry::Release(handle).ok());
  EXPECT_EQ(Registry::Release(handle).code(), Code::kStale);
  EXPECT_EQ(seen, 1U) << "the registry's own handle";
  EXPECT_TRUE(registry->Close(kPatienceNs).ok());
}

TEST_F(MisuseTest, R19_AMisuseByTheLogItselfIsNotTold) {
  int lines = 0;
  RegistryOptions options;
  options.misuse = MisusePolicy::kLog;
  options.log = [&lines](LogLevel, std::string_view) {
    ++lines;
    EXPECT_EQ(Registry::Release(0x123456789).code(), Code::kMalformed);
    throw 5;
  };
  auto registry = Registry::Open(std::move(options));
  EXPECT_EQ(Registry::Release(0x123456789).code(), Code::kMalformed);
  EXPECT_EQ(lines, 1);
  EXPECT_TRUE((*registry)->Close(kPatienceNs).ok()) << "also not by what it throws";
}

TEST_F(MisuseTest, R19_TheLogIsNotCalledAfterTheClose) {
  bool closed = false;
  RegistryOptions options;
  options.misuse = MisusePolicy::kLog;
  options.log = [&closed](LogLevel, std::string_view) { EXPECT_FALSE(closed); };
  auto registry = Registry::Open(std::move(options));
  const Handle handle = (*registry)->handle();
  EXPECT_TRUE((*registry)->Close(kPatienceNs).ok());
  closed = true;
  EXPECT_EQ(Registry::Release(handle).code(), Code::kStale) << "told on stderr";
}

using MisuseDeathTest = MisuseTest;

TEST_F(MisuseDeathTest, R19_AbortEndsTheProcessWithTheSameLine) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto misuse = [] {
    RegistryOptions options;
    options.misuse = MisusePolicy::kAbort;
    auto registry = Registry::Open(std::move(options));
    const Handle owner = *(*registry)->OpenOwner("victim");
    (void)Registry::CloseOwner(owner);
    (void)Registry::CloseOwner(owner);
  };
  EXPECT_DEATH(misuse(), "misuse: STALE: the owner handle .*closed, held by .*; stack: ");
}

}  // namespace
}  // namespace belay::registry
