// Works that a test looks into, for executors of any kind.
//
// A FakeWork checks by itself that it is ended once. Its `on_size` runs where an executor asks for the
// size of a call that it is offered, before it has taken any lock: the pause point at which a test lets
// something else happen in the middle of Enqueue().
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <deque>
#include <functional>
#include <iostream>
#include <ostream>
#include <random>
#include <string>
#include <utility>

#include "broker/registry/executor.h"
#include "broker/registry/test_event.h"

namespace belay::base {
// For gtest's messages.
inline void PrintTo(Code code, std::ostream* out) { *out << CodeName(code); }
}  // namespace belay::base

namespace belay::registry {

class FakeWork final : public Work {
 public:
  explicit FakeWork(Kind work_kind = Kind::kCall, std::size_t bytes = 1)
      : Work(work_kind), size_bytes_(bytes) {}
  ~FakeWork() { EXPECT_LE(ends_.load(), 1) << "R18: ended more than once"; }

  void Run() noexcept override {
    if (body) body();
    ran_ = true;
    End();
  }
  void Refuse(const base::Status& why) noexcept override {
    why_ = why;
    if (body_of_refusal) body_of_refusal();
    End();
  }
  std::size_t size_bytes() const noexcept override {
    if (const auto hook = std::exchange(on_size, nullptr)) hook();
    return size_bytes_;
  }

  // True once it has run.
  [[nodiscard]] bool WaitRan() { return ended_.Wait() && ran_; }
  // Why it was refused, once it was; OK if it ran.
  base::Status WaitRefused() {
    EXPECT_TRUE(ended_.Wait());
    return why_;
  }
  int ends() const { return ends_.load(); }

  std::function<void()> body;
  std::function<void()> body_of_refusal;
  mutable std::function<void()> on_size;

 private:
  void End() {
    ends_.fetch_add(1);
    ended_.Set();
  }

  const std::size_t size_bytes_;
  std::atomic<int> ends_{0};
  bool ran_ = false;
  base::Status why_;
  Event ended_;
};

// `count` works, of which every `release_every`th is a release function.
inline std::deque<FakeWork> MixedWorks(std::size_t count, std::size_t release_every) {
  std::deque<FakeWork> works;
  for (std::size_t i = 0; i < count; ++i)
    works.emplace_back(i % release_every == 0 ? Work::Kind::kRelease : Work::Kind::kCall);
  return works;
}

// What hands `work` over as its kind requires. True if it was taken.
inline bool Offer(Executor& executor, FakeWork& work) {
  return work.kind == Work::Kind::kRelease ? executor.EnqueueRelease(&work)
                                           : executor.Enqueue(&work).ok();
}

// Occupies the thread that runs it until it is let go.
class BlockingWork {
 public:
  BlockingWork() {
    work.body = [this] {
      entered_.Set();
      EXPECT_TRUE(go_.Wait());
    };
  }
  // False if no thread takes it.
  [[nodiscard]] bool WaitEntered() { return entered_.Wait(); }
  void LetGo() { go_.Set(); }

  FakeWork work;

 private:
  Event entered_;
  Event go_;
};

inline bool Contains(const base::Status& status, const std::string& text) {
  return status.message().find(text) != std::string::npos;
}

// For tests that draw lots: printed, and given back by BELAY_TEST_SEED.
inline std::uint64_t TestSeed() {
  const char* const given = std::getenv("BELAY_TEST_SEED");
  const std::uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
  std::cout << "seed: BELAY_TEST_SEED=" << seed << '\n';
  return seed;
}

}  // namespace belay::registry
