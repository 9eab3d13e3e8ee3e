// A broker per test, and a callback whose life can be watched.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <functional>
#include <semaphore>
#include <string>
#include <utility>

#include "belay/belay.h"

namespace belay::capi {

inline constexpr std::uint64_t kLongMs = 60'000;

inline std::string LastMessage() {
  belay_error error{};
  error.struct_size = sizeof error;
  EXPECT_EQ(belay_last_error(&error), BELAY_OK);
  return error.message;
}

inline std::string LastReason() {
  belay_error error{};
  error.struct_size = sizeof error;
  EXPECT_EQ(belay_last_error(&error), BELAY_OK);
  return error.reason;
}

// The context of a test's callback: counts what happens to it.
struct Probe {
  std::function<belay_status(belay_call*)> body = [](belay_call*) { return BELAY_OK; };
  std::atomic<int> calls{0};
  std::atomic<int> released{0};
  std::counting_semaphore<> release_ran{0};

  static belay_status Call(void* context, belay_call* call) {
    auto& probe = *static_cast<Probe*>(context);
    EXPECT_EQ(probe.released.load(), 0) << "called after its release function";
    ++probe.calls;
    return probe.body(call);
  }
  static void Release(void* context) {
    auto& probe = *static_cast<Probe*>(context);
    ++probe.released;
    probe.release_ran.release();
  }
  belay_callback_options Options(const char* label = "probe") {
    belay_callback_options options{};
    options.struct_size = sizeof options;
    options.callback = &Probe::Call;
    options.context = this;
    options.release = &Probe::Release;
    options.label = label;
    return options;
  }
};

class CapiTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(belay_open(nullptr, &broker_), BELAY_OK) << LastMessage(); }
  void TearDown() override {
    if (broker_ != 0) {
      EXPECT_EQ(belay_close(broker_, kLongMs), BELAY_OK) << LastMessage();
    }
  }

  belay_handle Register(Probe& probe) {
    belay_handle handle = 0;
    const belay_callback_options options = probe.Options();
    EXPECT_EQ(belay_register(broker_, &options, &handle), BELAY_OK) << LastMessage();
    return handle;
  }

  // Lives until the broker has closed, whatever the test leaves registered.
  Probe& NewProbe() { return probes_.emplace_back(); }

  belay_handle broker_ = 0;

 private:
  std::deque<Probe> probes_;
};

}  // namespace belay::capi
