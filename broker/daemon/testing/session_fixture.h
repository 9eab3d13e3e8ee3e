// What tests of sessions share: clients that speak frames and have no connection, on a hub whose time is
// virtual. The only thing that is waited for is the registry's reaper.
//
// Thread safety: none; the test's thread, which is the loop's.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "belay/v1/session.pb.h"
#include "broker/base/clock.h"
#include "broker/daemon/access_control.h"
#include "broker/daemon/hub.h"
#include "broker/daemon/peer.h"
#include "broker/daemon/session.h"

namespace belay::daemon {

using Operation = v1::ServerOperation;

inline v1::Hello HelloOf(const std::string& name) {
  v1::Hello hello;
  hello.set_client_name(name);
  hello.set_protocol_version(1);
  return hello;
}

inline Caller CallerAt(const std::string& peer) { return {peer, IdentityOf(peer)}; }

// One client: its session, what it was sent, and how it ended.
class Client final : public Session::Peer {
 public:
  Client(Hub& hub, const std::string& name) : Client(hub, HelloOf(name)) {}
  Client(Hub& hub, const v1::Hello& hello, Caller caller = {"test"})
      : session(std::make_shared<Session>(hub, this, std::move(caller))) {
    Send([&](v1::ClientOperation& operation) { *operation.mutable_hello() = hello; });
    const Operation answer = Next();
    EXPECT_EQ(answer.operation_case(), Operation::kWelcome);
    welcome = answer.welcome();
  }

  ~Client() override {
    if (!is_dropped) session->OnClosed();
  }

  void WantsFlush() override {}
  void Finish(const base::Status& status) override {
    ++ends;
    end = status;
  }
  void MoveTo(std::shared_ptr<Session> other) override { session = std::move(other); }
  void Drop(const base::Status& status) override {
    is_dropped = true;
    end = status;
  }

  // The stream breaks, and what was on its way to the client is lost.
  void Lose() {
    while (session->outbox().Take(0)) {
    }
    session->OnClosed();
  }
  // A new stream, which asks for the session that `token` is of.
  void Resume(Hub& hub, const std::string& token, Caller caller = {"test again"}) {
    if (!std::exchange(is_dropped, false)) session->OnClosed();
    session = std::make_shared<Session>(hub, this, std::move(caller));
    v1::ClientFrame frame;
    frame.set_ack(received);
    *frame.add_operations()->mutable_hello() = HelloOf("again");
    frame.mutable_operations(0)->mutable_hello()->set_resume_token(token);
    session->OnFrame(frame);
  }

  void Send(const std::function<void(v1::ClientOperation&)>& fill) {
    v1::ClientFrame frame;
    frame.set_first_sequence(++sent);
    frame.set_ack(received);
    fill(*frame.add_operations());
    session->OnFrame(frame);
  }
  // What has been sent since, and not yet been looked at.
  std::vector<Operation> Take() {
    std::vector<Operation> operations = std::exchange(rest, {});
    while (const auto frame = session->outbox().Take(session->received())) {
      std::uint64_t number = frame->message->first_sequence();
      if (number != 0 && frame->message->operations_size() != 0) {
        EXPECT_EQ(number, received + 1);
        received += static_cast<std::uint64_t>(frame->message->operations_size());
      }
      acked = frame->message->ack();
      for (const Taken& taken : std::exchange(frame->taken, {})) taken();
      for (const Operation& operation : frame->message->operations())
        operations.push_back(operation);
    }
    return operations;
  }
  // The reply to the request just sent, whatever else was sent before; `rest` keeps that.
  v1::Reply Reply() {
    v1::Reply reply;
    for (const Operation& operation : Take()) {
      if (operation.has_reply()) {
        reply = operation.reply();
      } else {
        rest.push_back(operation);
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
  v1::Welcome welcome;
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t acked = 0;  // what the session had received
  bool is_dropped = false;
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
  void AdvanceMs(std::int64_t delta_ms) {
    clock.AdvanceNs(delta_ms * 1'000'000);
    hub->deadlines.Advance(clock.MonotonicNs());
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

}  // namespace belay::daemon
