// The session as a state machine: frames in, operations out, no connection and no waiting.
#include "broker/daemon/session.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/daemon/testing/session_fixture.h"

namespace belay::daemon {
namespace {

using base::Code;

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
  caller.Call(1, handle);
  caller.Call(2, handle);
  EXPECT_EQ(host.Take().size(), 2U);
  caller.Call(3, handle);
  host.session->OnClosed();
  std::set<std::uint64_t> answered;
  for (const auto& operation : caller.Take()) {
    EXPECT_EQ(operation.result().status().code(), static_cast<int>(Code::kHostLost));
    // W4: the third was in no frame.
    EXPECT_EQ(operation.result().status().certainty(), operation.result().call_id() == 3
                                                           ? v1::CERTAINTY_NOT_SENT
                                                           : v1::CERTAINTY_SENT_UNKNOWN);
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
