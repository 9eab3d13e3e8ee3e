// The session as a state machine: frames in, operations out, no connection and no waiting. Time is
// virtual; the only thing that is waited for is the registry's reaper.
#include "broker/daemon/session.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "belay/v1/session.pb.h"
#include "broker/base/clock.h"
#include "broker/daemon/hub.h"

namespace belay::daemon {
namespace {

using base::Code;
using Operation = v1::ServerOperation;

// One client: its session, what it was sent, and how it ended.
class Client final : public Session::Peer {
 public:
  Client(Hub& hub, const std::string& name)
      : session(std::make_shared<Session>(hub, this, "test")) {
    Send([&](v1::ClientOperation& operation) {
      operation.mutable_hello()->set_client_name(name);
      operation.mutable_hello()->set_protocol_version(1);
    });
    EXPECT_EQ(Next().operation_case(), Operation::kWelcome);
  }

  ~Client() override { session->OnClosed(); }

  void WantsFlush() override {}
  void Finish(const base::Status& status) override {
    ++ends;
    end = status;
  }

  void Send(const std::function<void(v1::ClientOperation&)>& fill) {
    v1::ClientFrame frame;
    frame.set_first_sequence(++sent);
    fill(*frame.add_operations());
    session->OnFrame(frame);
  }
  // What has been sent since, and not yet been looked at.
  std::vector<Operation> Take() {
    std::vector<Operation> operations = std::exchange(rest, {});
    while (const auto frame = session->outbox().Take(0)) {
      for (const Operation& operation : frame->message->operations())
        operations.push_back(operation);
    }
    return operations;
  }
  // The reply to the request just sent, whatever else was sent before; `rest` keeps that.
  v1::Reply Reply() {
    v1::Reply reply;
    while (const auto frame = session->outbox().Take(0)) {
      for (const Operation& operation : frame->message->operations()) {
        if (operation.has_reply()) {
          reply = operation.reply();
        } else {
          rest.push_back(operation);
        }
      }
    }
    return reply;
  }
  // The only operation that has been sent since.
  Operation Next() {
    const auto operations = Take();
    EXPECT_EQ(operations.size(), 1U);
    return operations.empty() ? Operation() : operations[0];
  }

  std::uint64_t Register(const std::string& name = {}) {
    Send([&](auto& operation) { operation.mutable_register_()->set_name(name); });
    return Reply().handle();
  }
  std::uint64_t Resolve(const std::string& name) {
    Send([&](auto& operation) { operation.mutable_resolve()->set_name(name); });
    return Reply().handle();
  }
  std::int32_t Release(std::uint64_t handle) {
    Send([&](auto& operation) { operation.mutable_release()->set_handle(handle); });
    return Reply().status().code();
  }
  void Call(std::uint64_t call_id, std::uint64_t handle, std::uint32_t timeout_ms = 0) {
    Send([&](auto& operation) {
      operation.mutable_call()->set_call_id(call_id);
      operation.mutable_call()->set_handle(handle);
      operation.mutable_call()->set_timeout_ms(timeout_ms);
    });
  }
  void Answer(std::uint64_t call_id, const std::string& payload = {}) {
    Send([&](auto& operation) {
      operation.mutable_result()->set_call_id(call_id);
      operation.mutable_result()->set_payload(payload);
    });
  }

  std::shared_ptr<Session> session;
  std::vector<Operation> rest;
  std::uint64_t sent = 0;
  int ends = 0;
  base::Status end;
};

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() { Start({}); }
  ~SessionTest() override { Stop(); }

  void Start(const Limits& limits) {
    engine::BrokerOptions options;
    auto broker = engine::Broker::Open(options);
    EXPECT_TRUE(broker.ok());
    HubOptions hub_options;
    hub_options.broker = *broker;
    hub_options.limits = limits;
    hub_options.clock = &clock;
    hub_options.epoch = 42;
    hub_options.store_threads = hub_options.hook_threads = 1;
    hub = std::make_unique<Hub>(std::move(hub_options));
    hub->inbox.Adopt();
    hub->inbox.SetWake([this] {
      const std::lock_guard lock(mutex);
      is_woken = true;
      woken.notify_one();
    });
  }
  void Stop() {
    if (!hub) return;
    hub->EndSessions();
    hub->StopWorkers();
    EXPECT_TRUE(hub->broker().Close(5'000'000'000).ok());
    hub->inbox.Drain();
    hub.reset();
  }
  // Runs the inbox until `done`; fails the test after a minute.
  bool RunUntil(const std::function<bool()>& done) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    for (;;) {
      hub->inbox.Drain();
      if (done()) return true;
      std::unique_lock lock(mutex);
      if (!woken.wait_until(lock, limit, [&] { return is_woken; })) return false;
      is_woken = false;
    }
  }
  // The next operation that only comes once the reaper has run.
  Operation Await(Client& client) {
    std::vector<Operation> got;
    EXPECT_TRUE(RunUntil([&] { return !(got = client.Take()).empty(); }));
    EXPECT_EQ(got.size(), 1U);
    return got.empty() ? Operation() : got[0];
  }

  // Begins at the machine's time: the registry looks at that itself.
  base::VirtualClock clock{base::Clock::System().MonotonicNs()};
  std::mutex mutex;
  std::condition_variable woken;
  bool is_woken = false;
  std::unique_ptr<Hub> hub;
};

TEST_F(SessionTest, WelcomeTellsTheLimitsAndTheEpoch) {
  Client client(*hub, "a");
  EXPECT_EQ(hub->session_count(), 1U);
  client.session->OnClosed();
  EXPECT_EQ(client.ends, 1);
  EXPECT_TRUE(client.end.ok());
  EXPECT_EQ(hub->session_count(), 0U);
}

TEST_F(SessionTest, EndsOnceWhateverComesAfter) {
  Client client(*hub, "a");
  client.Send([](auto& operation) { operation.mutable_hello(); });
  EXPECT_EQ(client.Next().goodbye().status().reason(), "SECOND_HELLO");
  EXPECT_EQ(client.end.reason(), "SECOND_HELLO");
  client.session->OnClosed();
  client.session->Drain();
  client.session->Close(ShuttingDown());
  client.Register();
  EXPECT_EQ(client.ends, 1);
  EXPECT_TRUE(client.Take().empty());
}

TEST_F(SessionTest, NothingOfAFrameAfterTheOperationAtFaultIsDone) {
  Client client(*hub, "a");
  v1::ClientFrame frame;
  frame.set_first_sequence(client.sent + 1);
  frame.add_operations()->mutable_hello();
  frame.add_operations()->mutable_register_()->set_name("f");
  client.session->OnFrame(frame);
  EXPECT_EQ(hub->broker().Resolve("f").code(), Code::kNotFound);
}

TEST_F(SessionTest, DeadlinesComeWithTimeAndTheCallbackStaysInFlight) {
  Client host(*hub, "host"), caller(*hub, "caller");
  const auto hosted = host.Register("f");
  const auto handle = caller.Resolve("f");
  caller.Call(1, handle, 100);
  const auto call = host.Next().call();
  EXPECT_EQ(call.timeout_ms(), 100U);
  clock.AdvanceNs(99'000'000);
  hub->deadlines.Advance(clock.MonotonicNs());
  EXPECT_TRUE(caller.Take().empty());
  clock.AdvanceNs(1'000'000);
  hub->deadlines.Advance(clock.MonotonicNs());
  const auto status = caller.Next().result().status();
  EXPECT_EQ(status.code(), static_cast<int>(Code::kDeadlineExceeded));
  EXPECT_EQ(status.certainty(), v1::CERTAINTY_SENT_UNKNOWN);
  EXPECT_EQ(host.Next().cancel().call_id(), call.call_id());
  // W5: released by everybody, yet not Released before the host has answered.
  EXPECT_EQ(host.Release(hosted), 0);
  EXPECT_EQ(caller.Release(handle), 0);
  EXPECT_EQ(host.session->View().calls_running, 1U);
  EXPECT_EQ(host.session->View().callbacks, 1U);
  host.Answer(call.call_id());
  EXPECT_EQ(Await(host).released().handle(), hosted);
  EXPECT_EQ(hub->stats.late_results, 1U);
  EXPECT_TRUE(caller.Take().empty());
  EXPECT_EQ(hub->deadlines.size(), 0U);
}

TEST_F(SessionTest, AnAnsweredCallLeavesNoDeadlineBehind) {
  Client host(*hub, "host"), caller(*hub, "caller");
  host.Register("f");
  caller.Call(1, caller.Resolve("f"));
  EXPECT_EQ(hub->deadlines.size(), 2U);  // the caller's and the host's
  host.Answer(host.Next().call().call_id());
  EXPECT_EQ(hub->deadlines.size(), 0U);
  EXPECT_FALSE(caller.Next().result().has_status());
}

TEST_F(SessionTest, HostLostAnswersItsCallersAtOnce) {
  Client host(*hub, "host"), caller(*hub, "caller");
  host.Register("f");
  const auto handle = caller.Resolve("f");
  for (std::uint64_t id = 1; id <= 3; ++id) caller.Call(id, handle);
  host.session->OnClosed();
  std::set<std::uint64_t> answered;
  for (const auto& operation : caller.Take()) {
    EXPECT_EQ(operation.result().status().code(), static_cast<int>(Code::kHostLost));
    EXPECT_EQ(operation.result().status().certainty(), v1::CERTAINTY_SENT_UNKNOWN);
    answered.insert(operation.result().call_id());
  }
  EXPECT_EQ(answered, (std::set<std::uint64_t>{1, 2, 3}));
  caller.Call(4, handle);
  const auto status = caller.Next().result().status();
  EXPECT_EQ(status.code(), static_cast<int>(Code::kHostLost));
  EXPECT_EQ(status.certainty(), v1::CERTAINTY_NOT_SENT);
}

TEST_F(SessionTest, ASessionThatCallsItselfMayEndMeanwhile) {
  Client client(*hub, "self");
  client.Call(1, client.Register());
  EXPECT_EQ(client.Next().operation_case(), Operation::kCall);
  client.session->OnClosed();
  EXPECT_EQ(client.ends, 1);
  EXPECT_TRUE(client.Take().empty());
}

TEST_F(SessionTest, AHostsQueueIsBounded) {
  Stop();
  Limits limits;
  limits.max_queued_bytes = 1'000;
  Start(limits);
  Client host(*hub, "host"), caller(*hub, "caller");
  host.Register("f");
  const auto handle = caller.Resolve("f");
  std::uint64_t id = 0;
  while (caller.session->outbox().empty()) {
    ASSERT_LT(id, 100U);
    caller.Call(++id, handle);
  }
  const auto status = caller.Next().result().status();
  EXPECT_EQ(status.code(), static_cast<int>(Code::kResourceExhausted));
  EXPECT_EQ(status.reason(), "HOST_BUSY");
  EXPECT_EQ(status.certainty(), v1::CERTAINTY_NOT_SENT);
  // What it reads makes room.
  host.Take();
  caller.Call(++id, handle);
  EXPECT_TRUE(caller.Take().empty());
}

TEST_F(SessionTest, DrainEndsIdleSessionsNowAndOthersWhenTheyAreIdle) {
  Client host(*hub, "host"), caller(*hub, "caller"), idle(*hub, "idle");
  host.Register("f");
  caller.Call(1, caller.Resolve("f"));
  const auto call_id = host.Next().call().call_id();
  bool drained = false;
  hub->Drain([&] { drained = true; });
  EXPECT_EQ(idle.ends, 1);
  EXPECT_EQ(idle.end.code(), Code::kUnavailable);
  EXPECT_EQ(host.ends + caller.ends, 0);
  EXPECT_EQ(host.Next().goodbye().status().reason(), "SHUTTING_DOWN");
  EXPECT_EQ(caller.Next().goodbye().status().reason(), "SHUTTING_DOWN");
  host.Answer(call_id, "done");
  EXPECT_EQ(caller.Next().result().payload(), "done");  // and no second goodbye
  EXPECT_EQ(host.ends + caller.ends, 2);
  EXPECT_TRUE(drained);
}

// Random clients that register, find, keep, call, answer, cancel, release and vanish. Whatever they do:
// each call is answered once, each callback is Released once and not while it runs, and in the end
// nothing is left.
TEST_F(SessionTest, RandomClientsLoseNothing) {
  struct Peer {
    explicit Peer(Hub& hub, int number) : client(hub, "c" + std::to_string(number)) {}
    Client client;
    std::vector<std::uint64_t> hosted, held;
    std::set<std::uint64_t> unanswered;                           // calls it made
    std::vector<std::pair<std::uint64_t, std::uint64_t>> to_run;  // calls it runs: id, handle
    std::multiset<std::uint64_t> running_handles;
    std::set<std::uint64_t> released;
    std::uint64_t last_call = 0;
  };
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    std::vector<std::unique_ptr<Peer>> peers;
    int made = 0;
    const auto look = [&](Peer& peer) {
      for (const Operation& operation : peer.client.Take()) {
        if (operation.has_result()) {
          ASSERT_EQ(peer.unanswered.erase(operation.result().call_id()), 1U);
        } else if (operation.has_call()) {
          ASSERT_FALSE(peer.released.contains(operation.call().handle()));
          peer.to_run.emplace_back(operation.call().call_id(), operation.call().handle());
          peer.running_handles.insert(operation.call().handle());
        } else if (operation.has_released()) {
          ASSERT_FALSE(peer.running_handles.contains(operation.released().handle()));
          ASSERT_TRUE(peer.released.insert(operation.released().handle()).second);
        }
      }
    };
    for (int step = 0; step < 2'000; ++step) {
      if (peers.size() < 4) peers.push_back(std::make_unique<Peer>(*hub, made++));
      const std::size_t index = random() % peers.size();
      Peer& peer = *peers[index];
      hub->inbox.Drain();
      for (const auto& each : peers) look(*each);
      const std::string name = "n" + std::to_string(random() % 3);
      const auto pick = [&](const auto& from) { return from[random() % from.size()]; };
      switch (random() % 10) {
        case 0:
          if (const auto handle = peer.client.Register(random() % 2 == 0 ? name : ""); handle != 0)
            peer.hosted.push_back(handle);
          break;
        case 1:
          if (const auto handle = peer.client.Resolve(name); handle != 0)
            peer.held.push_back(handle);
          break;
        case 2:
          if (!peer.held.empty()) (void)peer.client.Release(pick(peer.held));
          break;
        case 3:
          if (!peer.hosted.empty()) (void)peer.client.Release(pick(peer.hosted));
          break;
        case 4:
        case 5:
        case 6:
          if (!peer.held.empty()) {
            peer.unanswered.insert(++peer.last_call);
            peer.client.Call(peer.last_call, pick(peer.held));
          }
          break;
        case 7:
          while (!peer.to_run.empty() && random() % 4 != 0) {
            const auto [id, handle] = peer.to_run.back();
            peer.to_run.pop_back();
            peer.running_handles.erase(peer.running_handles.find(handle));
            peer.client.Answer(id);
          }
          break;
        case 8:
          if (!peer.unanswered.empty()) {
            const std::uint64_t id = *peer.unanswered.begin();
            peer.client.Send([&](auto& operation) { operation.mutable_cancel()->set_call_id(id); });
          }
          break;
        default:
          if (random() % 20 == 0) {
            peer.client.session->OnClosed();
            ASSERT_EQ(peer.client.ends, 1);
            peers.erase(peers.begin() + static_cast<std::ptrdiff_t>(index));
          }
      }
      ASSERT_FALSE(HasFatalFailure());
    }
    // Everybody goes but one, who still gets an answer to everything.
    while (peers.size() > 1) {
      look(*peers.back());
      peers.back()->client.session->OnClosed();
      peers.pop_back();
    }
    Peer& last = *peers[0];
    look(last);
    for (const auto& [id, handle] : last.to_run) last.client.Answer(id);
    last.running_handles.clear();
    look(last);
    EXPECT_TRUE(last.unanswered.empty()) << "seed " << seed;
    for (const std::uint64_t handle : last.held) (void)last.client.Release(handle);
    for (const std::uint64_t handle : last.hosted) (void)last.client.Release(handle);
    EXPECT_TRUE(RunUntil([&] {
      look(last);
      return last.released.size() == last.hosted.size();
    })) << "seed "
        << seed;
    last.client.session->OnClosed();
    EXPECT_EQ(hub->deadlines.size(), 0U);
    EXPECT_EQ(hub->session_count(), 0U);
  }
}

}  // namespace
}  // namespace belay::daemon
