// A queue that a test polls, callbacks that run on it or elsewhere, and the answers to calls of them.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "broker/registry/executor_objects.h"
#include "broker/registry/test_util.h"

namespace belay::registry {

struct Answers {
  std::mutex mutex;
  std::vector<Outcome> outcomes;

  AsyncCall::Done Collect() {
    return [this](Outcome outcome) {
      const std::lock_guard lock(mutex);
      outcomes.push_back(std::move(outcome));
    };
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return outcomes.size();
  }
};

inline Request Bytes(std::string payload) {
  Request request;
  request.payload = std::move(payload);
  return request;
}

class ExecutorTest : public RegistryTest {
 protected:
  Handle RegisterOnQueue(Probe& probe, GateOptions gate = {}) {
    return RegisterOn(*FindExecutor(queue_), probe, alice_, gate);
  }
  void SetUp() override {
    RegistryTest::SetUp();
    queue_ = *OpenQueue(bob_, {.name = "ui", .max_calls = 4});
  }
  Ref<Object> Queue() { return *Registry::Find(queue_, Kind::kQueue); }
  static QueueObject& AsQueue(const Ref<Object>& object) {
    return static_cast<QueueObject&>(*object);
  }
  std::size_t Run(std::size_t most = 64) {
    const Ref<Object> object = Queue();
    return AsQueue(object).RunSome(most, 0).count;
  }
  // What a host is given now.
  std::vector<HostEvent> Poll() {
    const Ref<Object> object = Queue();
    std::array<HostEvent, 64> events;
    const Polled polled = AsQueue(object).Poll(queue_, events, 0);
    return {events.begin(), events.begin() + static_cast<std::ptrdiff_t>(polled.count)};
  }
  base::Status Finish(std::uint64_t id, Outcome outcome = {}) {
    return FinishEvent(queue_, id, [&](AsyncCall&) { return std::move(outcome); });
  }

  Handle queue_ = 0;
  Answers answers_;
};

}  // namespace belay::registry
