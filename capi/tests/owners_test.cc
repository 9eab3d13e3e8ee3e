// Owners with options, the handles they pass on, and what is told of all of it afterwards.
#include <cstring>
#include <vector>

#include "capi/tests/fixture.h"

namespace belay::capi {
namespace {

class OwnersTest : public CapiTest {
 protected:
  static belay_owner_options Options(const char* name) {
    belay_owner_options options{};
    options.struct_size = sizeof options;
    options.name = name;
    return options;
  }
  static belay_handle OpenWith(belay_handle parent, const belay_owner_options& options) {
    belay_handle owner = 0;
    EXPECT_EQ(belay_owner_open_with(parent, &options, &owner), BELAY_OK) << LastMessage();
    return owner;
  }
  belay_handle RegisterUnder(belay_handle owner, Probe& probe) {
    const belay_callback_options options = probe.Options();
    belay_handle handle = 0;
    EXPECT_EQ(belay_register(owner, &options, &handle), BELAY_OK) << LastMessage();
    return handle;
  }
  std::vector<belay_event> Events() {
    std::vector<belay_event> events(100);
    events[0].struct_size = sizeof(belay_event);
    std::uint64_t next = 0;
    std::uint64_t count = 0;
    EXPECT_EQ(belay_events_read(broker_, &next, 0, events.data(), events.size(), &count), BELAY_OK);
    EXPECT_EQ(next, count + 1);
    events.resize(count);
    return events;
  }
};

TEST_F(OwnersTest, R14_AnOwnersBoundsAreKeptAndNamed) {
  belay_owner_options options = Options("small");
  options.max_handles = 3;
  options.max_callbacks = 1;
  const belay_handle owner = OpenWith(broker_, options);
  const belay_handle handle = RegisterUnder(owner, NewProbe());
  Probe& refused = NewProbe();
  const belay_callback_options second = refused.Options();
  belay_handle unused = 7;
  EXPECT_EQ(belay_register(owner, &second, &unused), BELAY_RESOURCE_EXHAUSTED);
  EXPECT_EQ(LastReason(), "OWNER_BUDGET");
  EXPECT_EQ(unused, 7U);
  EXPECT_EQ(refused.released.load(), 1) << "R3";
  belay_handle retained = 0;
  EXPECT_EQ(belay_retain(handle, owner, 0, &retained), BELAY_OK);
  EXPECT_EQ(belay_retain(handle, owner, 0, &retained), BELAY_OK);
  EXPECT_EQ(belay_retain(handle, owner, 0, &retained), BELAY_RESOURCE_EXHAUSTED);
  EXPECT_NE(LastMessage().find("\"small\""), std::string::npos) << LastMessage();
}

TEST_F(OwnersTest, R12_ClosingAnOwnerClosesThoseUnderIt) {
  const belay_handle outer = OpenWith(broker_, Options("outer"));
  const belay_handle inner = OpenWith(outer, Options("inner"));
  Probe& probe = NewProbe();
  RegisterUnder(inner, probe);
  EXPECT_EQ(belay_owner_close(outer), BELAY_OK);
  EXPECT_EQ(belay_owner_close(inner), BELAY_STALE);
  probe.release_ran.acquire();
}

TEST_F(OwnersTest, I7_BadOptionsAreRefused) {
  belay_handle owner = 0;
  belay_owner_options options = Options(nullptr);
  EXPECT_EQ(belay_owner_open_with(broker_, &options, &owner), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_owner_open_with(broker_, nullptr, &owner), BELAY_INVALID_ARGUMENT);
  options = Options("x");
  EXPECT_EQ(belay_owner_open_with(broker_, &options, nullptr), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_owner_open_with(0, &options, &owner), BELAY_MALFORMED);
  for (const std::int32_t misuse : {-1, 4}) {
    options.misuse = misuse;
    EXPECT_EQ(belay_owner_open_with(broker_, &options, &owner), BELAY_INVALID_ARGUMENT);
  }
  options = Options("old program");
  options.struct_size = offsetof(belay_owner_options, max_handles);
  EXPECT_EQ(belay_owner_open_with(broker_, &options, &owner), BELAY_OK);
  EXPECT_EQ(belay_owner_detach(owner, 2), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_owner_detach(owner, BELAY_DETACH_RELEASE), BELAY_OK);
  EXPECT_EQ(belay_owner_detach(owner, BELAY_DETACH_RELEASE), BELAY_STALE);
}

TEST_F(OwnersTest, R3_OnlyADetachThatDropsLeavesOutReleaseFunctions) {
  for (const std::int32_t mode : {BELAY_DETACH_RELEASE, BELAY_DETACH_DROP}) {
    const belay_handle owner = OpenWith(broker_, Options("runtime"));
    Probe& probe = NewProbe();
    const belay_handle handle = RegisterUnder(owner, probe);
    belay_handle kept = 0;
    ASSERT_EQ(belay_retain(handle, broker_, 0, &kept), BELAY_OK);
    EXPECT_EQ(belay_owner_detach(owner, mode), BELAY_OK);
    EXPECT_EQ(belay_drain(kept, kLongMs), BELAY_OK) << LastMessage();
    EXPECT_EQ(probe.released.load(), mode == BELAY_DETACH_RELEASE ? 1 : 0);
  }
}

TEST_F(OwnersTest, R3_ADetachThatDropsLeavesOutThoseThatDrainAlready) {
  const belay_handle owner = OpenWith(broker_, Options("runtime"));
  Probe& probe = NewProbe();
  const belay_handle handle = RegisterUnder(owner, probe);
  belay_handle kept = 0;
  ASSERT_EQ(belay_retain(handle, broker_, 0, &kept), BELAY_OK);
  probe.body = [&](belay_call*) {  // the release function waits for this call
    EXPECT_EQ(belay_unregister(handle), BELAY_OK);
    EXPECT_EQ(belay_owner_detach(owner, BELAY_DETACH_DROP), BELAY_OK);
    return BELAY_OK;
  };
  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_OK) << LastMessage();
  EXPECT_EQ(belay_drain(kept, kLongMs), BELAY_OK) << LastMessage();
  EXPECT_EQ(probe.released.load(), 0);
}

TEST_F(OwnersTest, R2_ATransferredHandleGoesWithItsNewHolder) {
  const belay_handle giver = OpenWith(broker_, Options("giver"));
  const belay_handle taker = OpenWith(broker_, Options("taker"));
  const belay_handle handle = RegisterUnder(broker_, NewProbe());
  belay_handle given = 0;
  ASSERT_EQ(belay_retain(handle, giver, 0, &given), BELAY_OK);
  EXPECT_EQ(belay_handle_transfer(given, taker), BELAY_OK);
  EXPECT_EQ(belay_handle_transfer(given, handle), BELAY_WRONG_KIND);
  EXPECT_EQ(belay_handle_transfer(taker, giver), BELAY_INVALID_ARGUMENT) << "an owner stays";
  EXPECT_EQ(belay_owner_close(giver), BELAY_OK);
  belay_handle_info info{};
  info.struct_size = sizeof info;
  EXPECT_EQ(belay_describe(given, &info), BELAY_OK);
  EXPECT_STREQ(info.holder_name, "taker");
  EXPECT_EQ(belay_owner_close(taker), BELAY_OK);
  EXPECT_EQ(belay_release(given), BELAY_STALE);
  EXPECT_NE(LastMessage().find("closed with its owner \"taker\""), std::string::npos)
      << LastMessage();
}

TEST_F(OwnersTest, R17_AHandleInARequestIsBorrowedForTheCallAndKeptByRetainingIt) {
  Probe& lent = NewProbe();
  const belay_handle argument = Register(lent);
  Probe& receiver = NewProbe();
  belay_handle borrowed = 0;
  belay_handle kept = 0;
  receiver.body = [&](belay_call* call) {
    std::memcpy(&borrowed, call->request, sizeof borrowed);
    belay_call inner = BELAY_CALL_INIT;
    EXPECT_EQ(belay_invoke(borrowed, &inner), BELAY_OK) << "the caller's reference holds it";
    return belay_retain(borrowed, broker_, BELAY_RIGHTS_SAME, &kept);
  };
  belay_call call = BELAY_CALL_INIT;
  call.request = &argument;
  call.request_size = sizeof argument;
  ASSERT_EQ(belay_invoke(Register(receiver), &call), BELAY_OK) << LastMessage();
  EXPECT_EQ(belay_release(argument), BELAY_OK) << "the caller's own, when it likes";
  belay_call later = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(borrowed, &later), BELAY_STALE) << "what was borrowed is gone";
  EXPECT_EQ(belay_invoke(kept, &later), BELAY_OK) << "what was retained is not";
  EXPECT_EQ(lent.calls.load(), 2);
}

TEST_F(OwnersTest, R7_ASuspendedCallbackRefusesAndResumes) {
  Probe& probe = NewProbe();
  const belay_handle handle = Register(probe);
  EXPECT_EQ(belay_suspend(handle, kLongMs), BELAY_OK);
  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_SUSPENDED);
  belay_handle_info info{};
  info.struct_size = sizeof info;
  EXPECT_EQ(belay_describe(handle, &info), BELAY_OK);
  EXPECT_EQ(info.state, BELAY_STATE_SUSPENDED);
  EXPECT_EQ(belay_resume(handle), BELAY_OK);
  EXPECT_EQ(belay_resume(handle), BELAY_OK);
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_OK);
  EXPECT_EQ(belay_suspend(broker_, 0), BELAY_WRONG_KIND);
  probe.body = [&](belay_call*) {
    EXPECT_EQ(belay_suspend(handle, 0), BELAY_WOULD_DEADLOCK);
    return BELAY_OK;
  };
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_OK);
}

TEST_F(OwnersTest, R14_AQuarantinedCallbackRefusesUntilRestored) {
  const belay_handle handle = Register(NewProbe());
  EXPECT_EQ(belay_quarantine(handle), BELAY_OK);
  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_QUARANTINED);
  EXPECT_EQ(LastReason(), "TRIPPED");
  EXPECT_EQ(belay_restore(handle), BELAY_OK);
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_OK);
  EXPECT_EQ(belay_quarantine(broker_), BELAY_WRONG_KIND);
}

TEST_F(OwnersTest, R15_AHandleIsExplainedAliveDeadAndAfterTheClose) {
  const belay_handle handle = Register(NewProbe());
  char text[512];
  std::uint64_t size = 0;
  EXPECT_EQ(belay_explain(handle, nullptr, 0, &size), BELAY_BUFFER_TOO_SMALL);
  ASSERT_LE(size, sizeof text);
  EXPECT_EQ(belay_explain(handle, text, size - 1, &size), BELAY_BUFFER_TOO_SMALL);
  EXPECT_EQ(belay_explain(handle, text, size, &size), BELAY_OK);
  EXPECT_EQ(std::string(text).size() + 1, size);
  EXPECT_NE(std::string(text).find("held by \"broker\"; the callback is live"), std::string::npos)
      << text;
  EXPECT_EQ(belay_release(handle), BELAY_OK);
  EXPECT_EQ(belay_explain(handle, text, sizeof text, &size), BELAY_OK);
  EXPECT_NE(std::string(text).find("released by \"broker\""), std::string::npos) << text;
  EXPECT_NE(std::string(text).find("it was \"probe\""), std::string::npos) << text;
  EXPECT_EQ(belay_explain(0x12345, text, sizeof text, &size), BELAY_MALFORMED);
  EXPECT_EQ(belay_explain(handle, text, sizeof text, nullptr), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_explain(handle, nullptr, 5, &size), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_close(broker_, kLongMs), BELAY_OK);
  EXPECT_EQ(belay_explain(std::exchange(broker_, 0), text, sizeof text, &size), BELAY_OK);
  EXPECT_NE(std::string(text).find("closed"), std::string::npos) << text;
}

TEST_F(OwnersTest, R15_EventsAreReadByPagesAndWaitedFor) {
  const std::size_t before = Events().size();  // of the broker's own owners
  const belay_handle handle = Register(NewProbe());
  EXPECT_EQ(belay_release(handle), BELAY_OK);
  const auto events = Events();
  ASSERT_GE(events.size(), before + 2);
  EXPECT_EQ(events[before].type, BELAY_EVENT_REGISTERED);
  EXPECT_EQ(events[before].handle, handle);
  EXPECT_STREQ(events[before].label, "probe");
  EXPECT_STREQ(events[before].owner_name, "broker");
  EXPECT_EQ(events[before + 1].type, BELAY_EVENT_RELEASED);
  EXPECT_EQ(events[before + 1].sequence, before + 2);
  std::uint64_t next = before + 1;
  std::uint64_t count = 0;
  belay_event one{};
  one.struct_size = sizeof one;
  EXPECT_EQ(belay_events_read(broker_, &next, 0, &one, 1, &count), BELAY_OK);
  EXPECT_EQ(count, 1U);
  EXPECT_EQ(next, before + 2);
  one.struct_size = sizeof one - 1;
  EXPECT_EQ(belay_events_read(broker_, &next, 0, &one, 1, &count), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_events_read(broker_, &next, 0, nullptr, 1, &count), BELAY_INVALID_ARGUMENT);
}

TEST_F(OwnersTest, R15_AFilterPicksWhatIsListed) {
  const belay_handle owner = OpenWith(broker_, Options("picked"));
  const belay_handle handle = RegisterUnder(owner, NewProbe());
  Register(NewProbe());
  belay_list_filter filter{};
  filter.struct_size = sizeof filter;
  filter.kind = BELAY_KIND_CALLBACK;
  filter.owner_name = "picked";
  std::uint64_t after = 0;
  std::uint64_t count = 0;
  belay_handle_info infos[4]{};
  infos[0].struct_size = sizeof infos[0];
  EXPECT_EQ(belay_list_where(broker_, &filter, &after, infos, 4, &count), BELAY_OK);
  ASSERT_EQ(count, 1U);
  EXPECT_EQ(infos[0].handle, handle);
  filter.flags = BELAY_LIST_ONLY_RELEASE;
  after = 0;
  EXPECT_EQ(belay_list_where(broker_, &filter, &after, infos, 4, &count), BELAY_OK);
  EXPECT_EQ(count, 0U);
  for (const std::uint32_t flags : {2U, 0x80000001U}) {
    filter.flags = flags;
    EXPECT_EQ(belay_list_where(broker_, &filter, &after, infos, 4, &count), BELAY_INVALID_ARGUMENT);
  }
  filter.flags = 0;
  filter.state = 6;
  EXPECT_EQ(belay_list_where(broker_, &filter, &after, infos, 4, &count), BELAY_INVALID_ARGUMENT);
  filter.state = 0;
  for (const std::int32_t kind : {-1, BELAY_KIND_BATCH + 1}) {
    filter.kind = kind;
    EXPECT_EQ(belay_list_where(broker_, &filter, &after, infos, 4, &count), BELAY_INVALID_ARGUMENT);
  }
}

TEST_F(OwnersTest, I1_AProgramWithTheFirstHandleInfoIsServed) {
  const belay_handle handle = Register(NewProbe());
  belay_handle_info info{};
  info.struct_size = offsetof(belay_handle_info, longest_running_ns);
  info.longest_running_ns = -7;
  EXPECT_EQ(belay_describe(handle, &info), BELAY_OK) << LastMessage();
  EXPECT_EQ(info.handle, handle);
  EXPECT_EQ(info.longest_running_ns, -7) << "not its to know";
}

TEST_F(OwnersTest, R15_CallsThatRunAreListed) {
  Probe& probe = NewProbe();
  const belay_handle handle = Register(probe);
  probe.body = [&](belay_call*) {
    belay_running_call calls[2]{};
    calls[0].struct_size = sizeof calls[0];
    std::uint64_t count = 0;
    EXPECT_EQ(belay_stuck_calls(broker_, 0, calls, 2, &count), BELAY_OK);
    EXPECT_EQ(count, 1U);
    EXPECT_EQ(calls[0].handle, handle);
    EXPECT_STREQ(calls[0].label, "probe");
    EXPECT_STREQ(calls[0].holder_name, "broker");
    EXPECT_NE(calls[0].thread_id, 0U);
    EXPECT_EQ(belay_stuck_calls(broker_, 60'000, calls, 2, &count), BELAY_OK);
    EXPECT_EQ(count, 0U);
    EXPECT_EQ(belay_stuck_calls(broker_, 0, nullptr, 2, &count), BELAY_INVALID_ARGUMENT);
    calls[0].struct_size = 4;
    EXPECT_EQ(belay_stuck_calls(broker_, 0, calls, 2, &count), BELAY_INVALID_ARGUMENT);
    return BELAY_OK;
  };
  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_OK);
  EXPECT_EQ(probe.calls.load(), 1);
}

TEST(OpenTest, R15_R19_OptionsOfABrokerAreChecked) {
  belay_broker_options options{};
  options.struct_size = sizeof options;
  belay_handle broker = 0;
  options.misuse = 4;
  EXPECT_EQ(belay_open(&options, &broker), BELAY_INVALID_ARGUMENT);
  options.misuse = BELAY_MISUSE_LOG;
  options.events = 0x7fffffff;
  EXPECT_EQ(belay_open(&options, &broker), BELAY_INVALID_ARGUMENT);
  options.events = BELAY_OFF;
  std::string log;
  options.log_context = &log;
  options.log = [](void* context, std::int32_t, const char* text) {
    *static_cast<std::string*>(context) += text;
  };
  ASSERT_EQ(belay_open(&options, &broker), BELAY_OK) << LastMessage();
  std::uint64_t next = 0;
  std::uint64_t count = 0;
  belay_event event{};
  event.struct_size = sizeof event;
  EXPECT_EQ(belay_events_read(broker, &next, 0, &event, 1, &count), BELAY_FAILED_PRECONDITION);
  EXPECT_EQ(LastReason(), "NO_EVENTS");
  EXPECT_EQ(belay_release(broker), BELAY_WRONG_KIND);
  EXPECT_NE(log.find("misuse: WRONG_KIND"), std::string::npos) << log;
  EXPECT_EQ(belay_close(broker, kLongMs), BELAY_OK);
}

}  // namespace
}  // namespace belay::capi
