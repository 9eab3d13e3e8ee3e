// Names through the C ABI (W8).
#include <cstring>
#include <string>
#include <vector>

#include "capi/tests/fixture.h"

namespace belay::capi {
namespace {

class NamesTest : public CapiTest {
 protected:
  static belay_name_options Options(int32_t on_conflict, int32_t policy) {
    belay_name_options options{};
    options.struct_size = sizeof options;
    options.on_conflict = on_conflict;
    options.policy = policy;
    return options;
  }
  belay_status Bind(const char* name, belay_handle callback, const belay_name_options& options,
                    uint64_t* version = nullptr) {
    return belay_name_bind(broker_, name, callback, &options, version);
  }
  belay_status Join(const char* name, belay_handle callback, int32_t policy) {
    return Bind(name, callback, Options(BELAY_BIND_JOIN, policy));
  }
  // Resolves, calls, and lets go.
  belay_status CallByName(const char* name) {
    belay_handle callback = 0;
    const belay_status status = belay_name_resolve(broker_, name, 0, &callback);
    if (status != BELAY_OK) return status;
    belay_call call = BELAY_CALL_INIT;
    EXPECT_EQ(belay_invoke(callback, &call), BELAY_OK) << LastMessage();
    EXPECT_EQ(belay_release(callback), BELAY_OK);
    return BELAY_OK;
  }
  static uint64_t References(belay_handle callback) {
    belay_handle_info info{};
    info.struct_size = sizeof info;
    EXPECT_EQ(belay_describe(callback, &info), BELAY_OK) << LastMessage();
    return info.references;
  }
};

TEST_F(NamesTest, W8_ANameKeepsItsCallbackAliveUntilUnbound) {
  Probe& probe = NewProbe();
  const belay_handle mine = Register(probe);
  ASSERT_EQ(belay_name_bind(broker_, "clock", mine, nullptr, nullptr), BELAY_OK) << LastMessage();
  EXPECT_EQ(References(mine), 2U);
  EXPECT_EQ(belay_name_bind(broker_, "clock", mine, nullptr, nullptr), BELAY_ALREADY_EXISTS);
  EXPECT_EQ(LastReason(), "NAME_BOUND");
  ASSERT_EQ(belay_release(mine), BELAY_OK);
  EXPECT_EQ(CallByName("clock"), BELAY_OK);
  EXPECT_EQ(probe.released, 0);
  ASSERT_EQ(belay_name_unbind(broker_, "clock", 0), BELAY_OK);
  probe.release_ran.acquire();
  EXPECT_EQ(CallByName("clock"), BELAY_NOT_FOUND);
  EXPECT_EQ(LastReason(), "NAME_NOT_BOUND");
  EXPECT_NE(LastMessage().find("clock"), std::string::npos);
}

TEST_F(NamesTest, R2_WhatIsResolvedIsTheHoldersOwn) {
  const belay_handle mine = Register(NewProbe());
  ASSERT_EQ(belay_name_bind(broker_, "clock", mine, nullptr, nullptr), BELAY_OK);
  belay_handle owner = 0;
  ASSERT_EQ(belay_owner_open(broker_, "reader", &owner), BELAY_OK);
  belay_handle resolved = 0;
  ASSERT_EQ(belay_name_resolve(broker_, "clock", owner, &resolved), BELAY_OK) << LastMessage();
  ASSERT_EQ(belay_name_unbind(broker_, "clock", mine), BELAY_OK);
  belay_handle_info info{};
  info.struct_size = sizeof info;
  ASSERT_EQ(belay_describe(resolved, &info), BELAY_OK);
  EXPECT_STREQ(info.holder_name, "reader");
  EXPECT_EQ(info.rights, BELAY_RIGHTS_ALL & ~BELAY_RIGHT_UNREGISTER);
  EXPECT_EQ(belay_unregister(resolved), BELAY_PERMISSION_DENIED);
  ASSERT_EQ(belay_owner_close(owner), BELAY_OK);
  EXPECT_EQ(belay_release(resolved), BELAY_STALE);
}

TEST_F(NamesTest, W8_MembersTakeTurns) {
  Probe& a = NewProbe();
  Probe& b = NewProbe();
  ASSERT_EQ(Join("n", Register(a), BELAY_NAME_ROUND_ROBIN), BELAY_OK) << LastMessage();
  const belay_handle second = Register(b);
  ASSERT_EQ(Join("n", second, BELAY_NAME_ROUND_ROBIN), BELAY_OK);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(CallByName("n"), BELAY_OK);
  EXPECT_EQ(a.calls, 3);
  EXPECT_EQ(b.calls, 3);
  ASSERT_EQ(belay_unregister(second), BELAY_OK);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(CallByName("n"), BELAY_OK);
  EXPECT_EQ(a.calls, 7);
  EXPECT_EQ(b.calls, 3);
  EXPECT_EQ(belay_name_unbind(broker_, "n", second), BELAY_NOT_FOUND);
  EXPECT_EQ(LastReason(), "NOT_A_MEMBER");
}

TEST_F(NamesTest, W8_WhatMayBeCalledOnceIsNoMemberFromThatCallOn) {
  Probe& once = NewProbe();
  belay_callback_options options = once.Options();
  options.flags = BELAY_CALLBACK_ONCE;
  belay_handle handle = 0;
  ASSERT_EQ(belay_register(broker_, &options, &handle), BELAY_OK) << LastMessage();
  ASSERT_EQ(belay_name_bind(broker_, "n", handle, nullptr, nullptr), BELAY_OK);
  once.body = [&](belay_call*) {
    EXPECT_EQ(CallByName("n"), BELAY_NOT_FOUND);
    EXPECT_EQ(belay_name_bind(broker_, "n", Register(NewProbe()), nullptr, nullptr), BELAY_OK);
    return BELAY_OK;
  };
  EXPECT_EQ(CallByName("n"), BELAY_OK);
  EXPECT_EQ(once.calls, 1);
}

TEST_F(NamesTest, W8_ConflictsAndConditions) {
  const belay_handle a = Register(NewProbe());
  const belay_handle b = Register(NewProbe());
  belay_name_options options = Options(BELAY_BIND_REPLACE, BELAY_NAME_FIRST);
  options.flags = BELAY_BIND_IF_VERSION;
  uint64_t version = 0;
  ASSERT_EQ(Bind("n", a, options, &version), BELAY_OK) << LastMessage();
  EXPECT_NE(version, 0U);
  EXPECT_EQ(Bind("n", b, options), BELAY_ABORTED);
  EXPECT_EQ(LastReason(), "NAME_CHANGED");
  options.if_version = version;
  ASSERT_EQ(Bind("n", b, options), BELAY_OK);
  EXPECT_EQ(References(a), 1U);
  options.flags = BELAY_BIND_IF_MEMBER;
  options.if_member = a;
  EXPECT_EQ(Bind("n", a, options), BELAY_ABORTED);
  options.if_member = b;
  EXPECT_EQ(Bind("n", a, options), BELAY_OK);
  EXPECT_EQ(Join("n", b, BELAY_NAME_RANDOM), BELAY_FAILED_PRECONDITION);
  EXPECT_EQ(LastReason(), "POLICY_MISMATCH");
  EXPECT_EQ(Join("n", a, BELAY_NAME_FIRST), BELAY_ALREADY_EXISTS);
  EXPECT_EQ(Join("n", b, BELAY_NAME_SINGLE), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(References(b), 1U);
}

TEST_F(NamesTest, I2_ResolveAllTellsWhatItNeeds) {
  const belay_handle a = Register(NewProbe());
  const belay_handle b = Register(NewProbe());
  ASSERT_EQ(Join("n", a, BELAY_NAME_BROADCAST), BELAY_OK);
  ASSERT_EQ(Join("n", b, BELAY_NAME_BROADCAST), BELAY_OK);
  EXPECT_EQ(CallByName("n"), BELAY_FAILED_PRECONDITION);
  EXPECT_EQ(LastReason(), "BROADCAST");
  uint64_t count = 99;
  EXPECT_EQ(belay_name_resolve_all(broker_, "n", 0, nullptr, 0, &count), BELAY_BUFFER_TOO_SMALL);
  EXPECT_EQ(count, 2U);
  EXPECT_EQ(References(a), 2U) << "nothing was made";
  std::vector<belay_handle> all(count);
  ASSERT_EQ(belay_name_resolve_all(broker_, "n", 0, all.data(), all.size(), &count), BELAY_OK);
  EXPECT_EQ(count, 2U);
  EXPECT_EQ(References(a), 3U);
  EXPECT_EQ(References(b), 3U);
  for (const belay_handle handle : all) EXPECT_EQ(belay_release(handle), BELAY_OK);
  count = 99;
  EXPECT_EQ(belay_name_resolve_all(broker_, "m", 0, all.data(), 2, &count), BELAY_NOT_FOUND);
  EXPECT_EQ(count, 99U);
}

TEST_F(NamesTest, R15_NamesAreListedPageByPage) {
  std::string expected;
  for (const char* name : {"a", "b", "c"}) {
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(Join(name, Register(NewProbe()), BELAY_NAME_LEAST_LOADED), BELAY_OK);
      expected += name;
    }
  }
  std::string seen;
  std::vector<belay_name_info> page(2);
  const belay_name_info* after = nullptr;
  while (true) {
    page[0].struct_size = sizeof page[0];
    uint64_t count = 0;
    ASSERT_EQ(belay_name_list(broker_, after, page.data(), page.size(), &count), BELAY_OK)
        << LastMessage();
    for (uint64_t i = 0; i < count; ++i) {
      seen += page[i].name;
      EXPECT_EQ(page[i].policy, BELAY_NAME_LEAST_LOADED);
      EXPECT_EQ(page[i].members, 3U);
      EXPECT_LE(page[i].bound_version, page[i].version);
      EXPECT_EQ(References(page[i].callback), 2U);
    }
    if (count < page.size()) break;
    after = &page[count - 1];  // which the next page overwrites
  }
  EXPECT_EQ(seen, expected);
}

TEST_F(NamesTest, I7_BadArgumentsYieldCodes) {
  const belay_handle callback = Register(NewProbe());
  const std::string long_name(256, 'x');
  belay_handle out = 0;
  uint64_t count = 0;
  for (const char* name : {static_cast<const char*>(nullptr), "", "a\nb", long_name.c_str()}) {
    EXPECT_EQ(belay_name_bind(broker_, name, callback, nullptr, nullptr), BELAY_INVALID_ARGUMENT);
    EXPECT_EQ(belay_name_resolve(broker_, name, 0, &out), BELAY_INVALID_ARGUMENT);
    EXPECT_EQ(belay_name_resolve_all(broker_, name, 0, &out, 1, &count), BELAY_INVALID_ARGUMENT);
    EXPECT_EQ(belay_name_unbind(broker_, name, callback), BELAY_INVALID_ARGUMENT);
  }
  belay_name_options options = Options(BELAY_BIND_FAIL, BELAY_NAME_SINGLE);
  const auto is_refused = [&] { return Bind("n", callback, options) == BELAY_INVALID_ARGUMENT; };
  options.struct_size = 0;
  EXPECT_TRUE(is_refused());
  options = Options(BELAY_BIND_JOIN + 1, BELAY_NAME_FIRST);
  EXPECT_TRUE(is_refused());
  options = Options(BELAY_BIND_FAIL, BELAY_NAME_BROADCAST + 1);
  EXPECT_TRUE(is_refused());
  options = Options(-1, -1);
  EXPECT_TRUE(is_refused());
  options = Options(BELAY_BIND_FAIL, BELAY_NAME_SINGLE);
  options.flags = 4;
  EXPECT_TRUE(is_refused());
  EXPECT_EQ(References(callback), 1U);

  EXPECT_EQ(belay_name_bind(callback, "n", callback, nullptr, nullptr), BELAY_WRONG_KIND);
  EXPECT_EQ(belay_name_bind(broker_, "n", broker_, nullptr, nullptr), BELAY_WRONG_KIND);
  EXPECT_EQ(belay_name_bind(broker_, "n", 12345, nullptr, nullptr), BELAY_MALFORMED);
  EXPECT_EQ(belay_name_resolve(12345, "n", 0, &out), BELAY_MALFORMED);
  ASSERT_EQ(belay_name_bind(broker_, "n", callback, nullptr, nullptr), BELAY_OK);
  EXPECT_EQ(belay_name_resolve(broker_, "n", callback, &out), BELAY_WRONG_KIND);
  EXPECT_EQ(belay_name_resolve(broker_, "n", 0, nullptr), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_name_resolve_all(broker_, "n", 0, nullptr, 1, &count), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_name_resolve_all(broker_, "n", 0, &out, 1, nullptr), BELAY_INVALID_ARGUMENT);

  belay_name_info info{};
  EXPECT_EQ(belay_name_list(broker_, nullptr, &info, 1, &count), BELAY_INVALID_ARGUMENT);
  info.struct_size = sizeof info;
  EXPECT_EQ(belay_name_list(broker_, nullptr, nullptr, 1, &count), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_name_list(broker_, nullptr, &info, 0, &count), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_name_list(broker_, nullptr, &info, 1, nullptr), BELAY_INVALID_ARGUMENT);
  std::memset(info.name, 'x', sizeof info.name);
  EXPECT_EQ(belay_name_list(broker_, &info, &info, 1, &count), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(out, 0U);
}

TEST_F(NamesTest, I5_AnOlderStructMeansZeros) {
  const belay_handle callback = Register(NewProbe());
  belay_name_options options = Options(BELAY_BIND_FAIL, BELAY_NAME_BROADCAST);
  options.flags = 0xffff'ffffU;
  options.struct_size = sizeof(uint32_t);  // nothing but itself
  ASSERT_EQ(Bind("n", callback, options), BELAY_OK) << LastMessage();
  EXPECT_EQ(CallByName("n"), BELAY_OK) << "single, not broadcast";
}

}  // namespace
}  // namespace belay::capi
