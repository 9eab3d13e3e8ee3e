// Lives of callbacks through the C ABI.
#include <pthread.h>

#include <array>
#include <stdexcept>
#include <thread>

#include "capi/tests/fixture.h"

namespace belay::capi {
namespace {

using LifetimeTest = CapiTest;

TEST_F(LifetimeTest, R2_SecondReleaseIsStaleAndTouchesNobodyElse) {
  Probe& probe = NewProbe();
  const belay_handle mine = Register(probe);
  belay_handle yours = 0;
  ASSERT_EQ(belay_retain(mine, 0, BELAY_RIGHTS_SAME, &yours), BELAY_OK);
  EXPECT_EQ(belay_release(mine), BELAY_OK);
  EXPECT_EQ(belay_release(mine), BELAY_STALE);
  EXPECT_EQ(belay_release(mine), BELAY_STALE);
  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(yours, &call), BELAY_OK);
  EXPECT_EQ(belay_invoke(mine, &call), BELAY_STALE);
  EXPECT_EQ(probe.released, 0);
  EXPECT_EQ(belay_release(yours), BELAY_OK);
  probe.release_ran.acquire();
  EXPECT_EQ(probe.released, 1);
}

TEST_F(LifetimeTest, R3_ReleaseRunsOnceAlsoWhenRegistrationFails) {
  Probe& probe = NewProbe();
  belay_callback_options options = probe.Options();
  belay_handle handle = 0;
  int expected = 0;
  EXPECT_EQ(belay_register(broker_, &options, nullptr), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(probe.released, ++expected);
  EXPECT_EQ(belay_register(12345, &options, &handle), BELAY_MALFORMED);
  EXPECT_EQ(probe.released, ++expected);
  options.callback = nullptr;
  EXPECT_EQ(belay_register(broker_, &options, &handle), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(probe.released, ++expected);
  options = probe.Options();
  options.signature = "i64(i64)";  // without a typed function
  EXPECT_EQ(belay_register(broker_, &options, &handle), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(probe.released, ++expected);
  const std::string long_label(256, 'x');
  options = probe.Options(long_label.c_str());
  EXPECT_EQ(belay_register(broker_, &options, &handle), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(probe.released, ++expected);
  belay_handle owner = 0;
  ASSERT_EQ(belay_owner_open(broker_, "short-lived", &owner), BELAY_OK);
  ASSERT_EQ(belay_owner_close(owner), BELAY_OK);
  options = probe.Options();
  EXPECT_EQ(belay_register(owner, &options, &handle), BELAY_STALE);
  EXPECT_EQ(probe.released, ++expected);
  EXPECT_EQ(handle, 0U);
}

TEST_F(LifetimeTest, I2_TheLastErrorIsTheRegistrationsNotItsReleaseFunctions) {
  belay_callback_options options = NewProbe().Options();
  options.flags = 8;
  options.release = [](void* /*context*/) { EXPECT_EQ(belay_release(0), BELAY_MALFORMED); };
  belay_handle handle = 0;
  EXPECT_EQ(belay_register(broker_, &options, &handle), BELAY_INVALID_ARGUMENT);
  EXPECT_NE(LastMessage().find("flags"), std::string::npos) << LastMessage();
}

TEST_F(LifetimeTest, I7_AStructSizeThatEndsInsideAPointerYieldsNone) {
  belay_broker_options options{};
  options.name = "named";
  options.struct_size = offsetof(belay_broker_options, name) + sizeof options.name / 2;
  belay_handle broker = 0;
  ASSERT_EQ(belay_open(&options, &broker), BELAY_OK) << LastMessage();
  belay_handle_info info{};
  info.struct_size = sizeof info;
  EXPECT_EQ(belay_describe(broker, &info), BELAY_OK);
  EXPECT_STREQ(info.label, "broker");
  EXPECT_EQ(belay_close(broker, kLongMs), BELAY_OK);
}

TEST_F(LifetimeTest, R3_RegisterAfterCloseReleasesAndFails) {
  Probe& probe = NewProbe();
  const belay_handle closed = std::exchange(broker_, 0);
  ASSERT_EQ(belay_close(closed, kLongMs), BELAY_OK);
  const belay_callback_options options = probe.Options();
  belay_handle handle = 0;
  EXPECT_EQ(belay_register(closed, &options, &handle), BELAY_STALE);
  EXPECT_EQ(probe.released, 1);
  EXPECT_EQ(belay_close(closed, 0), BELAY_STALE);
}

TEST_F(LifetimeTest, R5_ReleaseRunsAfterTheLastCallReturned) {
  Probe& probe = NewProbe();
  std::binary_semaphore inside{0};
  std::binary_semaphore go_on{0};
  probe.body = [&](belay_call*) {
    inside.release();
    go_on.acquire();
    EXPECT_EQ(probe.released, 0);
    return BELAY_OK;
  };
  const belay_handle handle = Register(probe);
  std::thread caller([&] {
    belay_call call = BELAY_CALL_INIT;
    EXPECT_EQ(belay_invoke(handle, &call), BELAY_OK);
  });
  inside.acquire();
  EXPECT_EQ(belay_unregister(handle), BELAY_OK);
  EXPECT_EQ(belay_drain(handle, 1), BELAY_DEADLINE_EXCEEDED);
  EXPECT_NE(LastMessage().find("1 calls in flight"), std::string::npos) << LastMessage();
  EXPECT_EQ(belay_release(handle), BELAY_OK);
  EXPECT_EQ(probe.released, 0);
  go_on.release();
  probe.release_ran.acquire();
  caller.join();
  EXPECT_EQ(probe.released, 1);
}

TEST_F(LifetimeTest, R7_ReleaseAndCloseInsideTheCallbackAreLegal) {
  Probe& probe = NewProbe();
  belay_handle handle = 0;
  probe.body = [&](belay_call*) {
    EXPECT_EQ(belay_release(handle), BELAY_OK);
    EXPECT_EQ(belay_close(broker_, kLongMs), BELAY_WOULD_DEADLOCK);
    EXPECT_EQ(probe.released, 0);
    return BELAY_OK;
  };
  handle = Register(probe);
  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_OK);
  probe.release_ran.acquire();
  EXPECT_EQ(probe.released, 1);
  broker_ = 0;
}

TEST_F(LifetimeTest, R7_DrainFromInsideIsRefused) {
  Probe& probe = NewProbe();
  belay_handle handle = 0;
  probe.body = [&](belay_call*) {
    EXPECT_EQ(belay_unregister(handle), BELAY_OK);
    EXPECT_EQ(belay_drain(handle, kLongMs), BELAY_WOULD_DEADLOCK);
    return BELAY_OK;
  };
  handle = Register(probe);
  EXPECT_EQ(belay_drain(handle, 0), BELAY_FAILED_PRECONDITION);
  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_OK);
  EXPECT_EQ(belay_drain(handle, kLongMs), BELAY_OK);
  EXPECT_EQ(probe.released, 1);
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_UNREGISTERED);
  EXPECT_EQ(belay_release(handle), BELAY_OK);
}

TEST_F(LifetimeTest, R7_DrainAllWaitsForEachAndChecksItsArguments) {
  const std::array<Probe*, 3> probes{&NewProbe(), &NewProbe(), &NewProbe()};
  std::array<belay_handle, 3> handles{};
  for (std::size_t i = 0; i < handles.size(); ++i) handles[i] = Register(*probes[i]);
  for (const belay_handle handle : handles) ASSERT_EQ(belay_unregister(handle), BELAY_OK);
  EXPECT_EQ(belay_drain_all(handles.data(), handles.size(), kLongMs), BELAY_OK) << LastMessage();
  for (const Probe* probe : probes) EXPECT_EQ(probe->released, 1);
  EXPECT_EQ(belay_drain_all(nullptr, 1, 0), BELAY_INVALID_ARGUMENT);
  EXPECT_EQ(belay_drain_all(nullptr, 0, 0), BELAY_OK);
  ASSERT_EQ(belay_release(handles[1]), BELAY_OK);
  EXPECT_EQ(belay_drain_all(handles.data(), handles.size(), kLongMs), BELAY_STALE);
}

TEST_F(LifetimeTest, R7_DrainNotifyRunsOnceBeforeOrAfterTheDrain) {
  Probe& probe = NewProbe();
  const belay_handle handle = Register(probe);
  std::counting_semaphore<> notified{0};
  const auto notify = [](void* context) {
    static_cast<std::counting_semaphore<>*>(context)->release();
  };
  EXPECT_EQ(belay_drain_notify(handle, notify, &notified), BELAY_FAILED_PRECONDITION);
  EXPECT_EQ(belay_unregister(handle), BELAY_OK);
  EXPECT_EQ(belay_drain_notify(handle, notify, &notified), BELAY_OK);
  notified.acquire();
  EXPECT_EQ(probe.released, 1);
  EXPECT_EQ(belay_drain_notify(handle, notify, &notified), BELAY_OK);
  notified.acquire();
  EXPECT_EQ(belay_release(handle), BELAY_OK);
}

TEST_F(LifetimeTest, R9_ExceptionsBecomeCallbackFailed) {
  Probe& probe = NewProbe();
  probe.body = [](belay_call*) -> belay_status { throw std::runtime_error("disk on fire"); };
  const belay_handle handle = Register(probe);
  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_CALLBACK_FAILED);
  EXPECT_EQ(LastMessage(), "disk on fire");
  EXPECT_EQ(LastReason(), "EXCEPTION");
  probe.body = [](belay_call*) -> belay_status { throw 7; };
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_CALLBACK_FAILED);
  belay_handle_info info{};
  info.struct_size = sizeof info;
  ASSERT_EQ(belay_describe(handle, &info), BELAY_OK);
  EXPECT_EQ(info.calls, 2U);
  EXPECT_EQ(info.failures, 2U);
  EXPECT_EQ(info.in_flight, 0U);
}

TEST_F(LifetimeTest, R9_RecursionIsBounded) {
  Probe& probe = NewProbe();
  belay_handle handle = 0;
  int depth = 0;
  belay_status deepest = BELAY_OK;
  probe.body = [&](belay_call*) {
    ++depth;
    belay_call inner = BELAY_CALL_INIT;
    const belay_status status = belay_invoke(handle, &inner);
    if (status != BELAY_OK && deepest == BELAY_OK) deepest = status;
    return BELAY_OK;
  };
  handle = Register(probe);
  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_OK);
  EXPECT_EQ(depth, BELAY_MAX_DEPTH);
  EXPECT_EQ(deepest, BELAY_RECURSION_LIMIT);
}

TEST_F(LifetimeTest, R9_ErrnoIsPreserved) {
  errno = EXDEV;
  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(1, &call), BELAY_MALFORMED);
  EXPECT_EQ(belay_release(99), BELAY_MALFORMED);
  EXPECT_EQ(errno, EXDEV);
}

TEST_F(LifetimeTest, R12_OwnersAndBrokersCloseInAnyOrder) {
  Probe& mine = NewProbe();
  Probe& other = NewProbe();
  belay_handle owner = 0;
  ASSERT_EQ(belay_owner_open(broker_, "component", &owner), BELAY_OK);
  belay_callback_options options = mine.Options();
  belay_handle handle = 0;
  ASSERT_EQ(belay_register(owner, &options, &handle), BELAY_OK);
  belay_handle held_elsewhere = 0;
  ASSERT_EQ(belay_retain(handle, broker_, BELAY_RIGHTS_SAME, &held_elsewhere), BELAY_OK);
  const belay_handle root_callback = Register(other);

  ASSERT_EQ(belay_owner_close(owner), BELAY_OK);
  mine.release_ran.acquire();
  belay_call call = BELAY_CALL_INIT;
  EXPECT_EQ(belay_invoke(handle, &call), BELAY_STALE);
  EXPECT_EQ(belay_invoke(held_elsewhere, &call), BELAY_OWNER_CLOSED);
  EXPECT_EQ(belay_invoke(root_callback, &call), BELAY_OK);
  EXPECT_EQ(belay_close(std::exchange(broker_, 0), kLongMs), BELAY_OK);
  EXPECT_EQ(other.released, 1);
  EXPECT_EQ(belay_invoke(root_callback, &call), BELAY_STALE);
  EXPECT_EQ(belay_release(held_elsewhere), BELAY_STALE);
}

TEST_F(LifetimeTest, R9_ThreadThatExitsInsideACallIsOutOfIt) {
  Probe& probe = NewProbe();
  probe.body = [](belay_call*) -> belay_status { pthread_exit(nullptr); };
  const belay_handle handle = Register(probe);
  pthread_t thread{};
  ASSERT_EQ(pthread_create(
                &thread, nullptr,
                [](void* context) -> void* {
                  belay_call call = BELAY_CALL_INIT;
                  belay_invoke(*static_cast<belay_handle*>(context), &call);
                  return context;
                },
                const_cast<belay_handle*>(&handle)),
            0);
  pthread_join(thread, nullptr);
  EXPECT_EQ(belay_unregister(handle), BELAY_OK);
  EXPECT_EQ(belay_drain(handle, kLongMs), BELAY_OK);
  EXPECT_EQ(probe.released, 1);
}

}  // namespace
}  // namespace belay::capi
