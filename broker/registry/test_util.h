// What the registry's tests share: contexts that watch over themselves, and calls in one line.
//
// Nothing here sleeps to synchronize: threads meet at Events.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "broker/registry/executor_objects.h"
#include "broker/registry/pin.h"
#include "broker/registry/registry.h"
#include "broker/registry/test_event.h"

namespace belay::base {
// For gtest's messages.
inline void PrintTo(Code code, std::ostream* out) { *out << CodeName(code); }
}  // namespace belay::base

namespace belay::registry {

// The context of one callback. Checks R3 and R5 by itself: released once, and never during a call.
struct Probe {
  std::atomic<int> calls{0};
  std::atomic<int> in_call{0};
  std::atomic<int> releases{0};
  Event released;
  std::function<void()> body;        // what a call does
  std::function<void()> on_release;  // what the release function does

  static std::int32_t Run(void* context, ::belay_call*) {
    auto& probe = *static_cast<Probe*>(context);
    EXPECT_EQ(probe.releases.load(), 0) << "R5: called after its release function ran";
    probe.in_call.fetch_add(1);
    probe.calls.fetch_add(1);
    struct Leave {
      Probe& probe;
      ~Leave() { probe.in_call.fetch_sub(1); }
    } leave{probe};
    if (probe.body) probe.body();
    return 0;
  }
  static void Release(void* context) {
    auto& probe = *static_cast<Probe*>(context);
    EXPECT_EQ(probe.in_call.load(), 0) << "R5: released during a call";
    if (probe.on_release) probe.on_release();
    EXPECT_EQ(probe.releases.fetch_add(1), 0) << "R3: released twice";
    probe.released.Set();
  }
  static base::Status Adapt(NativeFunction function, void* context, const Request& request,
                            std::string* reply) {
    function(context, nullptr);
    *reply = request.payload;
    return {};
  }
  // What i64(i64) looks like in C: the context comes first.
  static std::int64_t Typed(void* context, std::int64_t value) {
    Run(context, nullptr);
    return value * 2;
  }

  CallbackSpec Spec(std::string label = "probe") {
    CallbackSpec spec;
    spec.target.function = &Probe::Run;
    spec.target.adapter = &Probe::Adapt;
    spec.context = OwnedContext(this, &Probe::Release);
    spec.label = std::move(label);
    spec.site = "here.cc:1";
    return spec;
  }
  CallbackSpec TypedSpec(std::string signature) {
    CallbackSpec spec = Spec("typed");
    spec.target.function = nullptr;
    spec.target.adapter = nullptr;
    spec.target.typed = reinterpret_cast<TypedFunction>(&Probe::Typed);
    spec.target.signature = std::move(signature);
    return spec;
  }
};

// What the C ABI's invoke does, without its struct.
inline base::Status Call(Handle handle) {
  const CallPin pin(handle);
  if (!pin) return Registry::Refusal(handle);
  pin.Run(nullptr);
  return {};
}

inline base::Code CodeOf(const base::Status& status) { return status.code(); }
template <typename T>
base::Code CodeOf(const base::Result<T>& result) {
  return result.code();
}

// A registry with two owners; closed, and checked to be empty, at the end.
class RegistryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    RegistryOptions options;
    options.name = "test";
    options.log = [this](LogLevel, std::string_view text) {
      const std::lock_guard lock(log_mutex_);
      log_.emplace_back(text);
    };
    auto opened = Registry::Open(std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    registry_ = std::move(*opened);
    alice_ = Owner("alice");
    bob_ = Owner("bob");
  }
  void TearDown() override {
    const base::Status closed = registry_->Close(kPatienceNs);
    EXPECT_TRUE(closed.ok() || closed.code() == base::Code::kClosed) << closed.ToString();
    std::uint64_t after = 0;
    EXPECT_TRUE(registry_->List(&after, 1).empty()) << "R12: a closed registry still has handles";
  }

  // A context that outlives the registry's close, whatever the test leaves registered.
  Probe& NewProbe() { return probes_.emplace_back(); }
  Handle Owner(const std::string& name) { return *registry_->OpenOwner(name); }
  Handle Register(Handle owner, Probe& probe, std::string label = "probe") {
    auto handle = Registry::Register(owner, probe.Spec(std::move(label)));
    EXPECT_TRUE(handle.ok()) << handle.status().ToString();
    return handle.ok() ? *handle : 0;
  }
  static Handle RegisterOn(const ExecutorRef& executor, Probe& probe, Handle owner,
                           GateOptions gate = {}) {
    CallbackSpec spec = probe.Spec("elsewhere");
    spec.executor = executor.executor;
    spec.executor_keeper = executor.keeper;
    spec.gate = gate;
    auto handle = Registry::Register(owner, std::move(spec));
    EXPECT_TRUE(handle.ok()) << handle.status().ToString();
    return handle.ok() ? *handle : 0;
  }
  // A round of the reaper that began after this call has ended when it returns: what it could release by then, it
  // has.
  void WaitForARound() {
    Probe& other = NewProbe();
    ASSERT_TRUE(Registry::Release(Register(bob_, other, "other")).ok());
    ASSERT_TRUE(other.released.Wait());
  }
  std::vector<std::string> Log() {
    const std::lock_guard lock(log_mutex_);
    return log_;
  }

  Ref<Registry> registry_;
  Handle alice_ = 0;
  Handle bob_ = 0;
  std::deque<Probe> probes_;

 private:
  std::mutex log_mutex_;
  std::vector<std::string> log_;
};

// Holds up the first call of a callback until it is let go.
class Hold {
 public:
  explicit Hold(Probe& probe) {
    probe.body = [this] {
      if (entered_.is_set()) return;
      entered_.Set();
      EXPECT_TRUE(go_.Wait());
    };
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  // False if no call comes.
  [[nodiscard]] bool WaitEntered() { return entered_.Wait(); }
  void LetGo() { go_.Set(); }

 private:
  Event entered_;
  Event go_;
};

// A call that runs until it is let go, on a thread of its own, made by `call`.
class BlockedCall {
 public:
  BlockedCall(Handle handle, Probe& probe, base::Status (*call)(Handle) = &Call) : hold_(probe) {
    thread_ = std::thread([=] { EXPECT_TRUE(call(handle).ok()); });
    EXPECT_TRUE(hold_.WaitEntered());
  }
  BlockedCall(const BlockedCall&) = delete;
  BlockedCall& operator=(const BlockedCall&) = delete;
  ~BlockedCall() { Finish(); }
  void Finish() {
    hold_.LetGo();
    if (thread_.joinable()) thread_.join();
  }

 private:
  Hold hold_;
  std::thread thread_;
};

// The exit status of a child; -1 if it was killed.
inline int WaitFor(pid_t child) {
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace belay::registry
