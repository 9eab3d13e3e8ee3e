// Threads for which there is no memory for a record, and a scan that finds more than it has memory for: what must
// not fail does not, and the rest is refused (R5, R6).
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "broker/registry/executor_objects.h"
#include "broker/registry/pin.h"
#include "broker/registry/registry.h"
#include "tests/model/failing_new.h"

namespace belay::model {
namespace {

using base::Code;
using base::Status;
using registry::AsyncCall;
using registry::CallbackSpec;
using registry::CallPin;
using registry::Handle;
using registry::HandleTable;
using registry::HazardScan;
using registry::OwnedContext;
using registry::Ref;
using registry::Registry;
using registry::ThreadRecord;

constexpr std::int64_t kLongNs = 60'000'000'000;

// Threads that live until this ends.
class Threads {
 public:
  Threads() = default;
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  ~Threads() {
    over_ = true;
    over_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  // Runs `body` on a new one, and returns when it has returned.
  template <typename Body>
  void Run(Body body) {
    std::promise<void> done;
    threads_.emplace_back([this, &done, &body] {
      body();
      done.set_value();
      over_.wait(false);
    });
    done.get_future().wait();
  }

 private:
  std::atomic<bool> over_{false};
  std::vector<std::thread> threads_;
};

// Runs `body` on a thread that has no record, and gets none. Those that are free, for their threads have ended, go
// to others first.
template <typename Body>
void OnAThreadWithoutARecord(Body body) {
  Threads threads;
  bool has_run = false;
  while (!has_run) {
    threads.Run([&] {
      const FailLarge fail(sizeof(ThreadRecord));
      if (HandleTable::Get().Thread() != nullptr) return;
      body();
      has_run = true;
    });
  }
}

class NoRecordTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = Registry::Open({});
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    registry_ = *opened;
    (void)Registry::Invoke(0, {});  // what a process needs once: the table of calls
  }
  void TearDown() override { EXPECT_TRUE(registry_->Close(kLongNs).ok()); }

  CallbackSpec Counting(std::atomic<int>& calls) {
    CallbackSpec spec;
    spec.target.function = [](void* context, ::belay_call*) -> std::int32_t {
      ++*static_cast<std::atomic<int>*>(context);
      return 0;
    };
    spec.target.adapter = [](registry::NativeFunction function, void* context,
                             const registry::Request&, std::string*) {
      function(context, nullptr);
      return Status();
    };
    spec.context = OwnedContext(&calls, nullptr);
    return spec;
  }

  Ref<Registry> registry_;
};

TEST_F(NoRecordTest, R6_WhatItHoldsItCanRelease) {
  std::atomic<int> calls{0};
  const Handle handle = *Registry::Register(registry_->handle(), Counting(calls));
  OnAThreadWithoutARecord([&] {
    // Two pins at a time.
    const auto retained = Registry::Retain(handle, registry_->handle(), 0);
    ASSERT_TRUE(retained.ok()) << retained.status().ToString();
    EXPECT_TRUE(Registry::Release(*retained).ok());
    EXPECT_EQ(Registry::Release(*retained).code(), Code::kStale);
    EXPECT_TRUE(Registry::Release(handle).ok());
  });
}

TEST_F(NoRecordTest, R4_ACallThatCannotBePinnedIsRefused) {
  std::atomic<int> calls{0};
  const Handle handle = *Registry::Register(registry_->handle(), Counting(calls));
  OnAThreadWithoutARecord([&] {
    const registry::Outcome outcome = Registry::Invoke(handle, {});
    EXPECT_FALSE(outcome.status.ok());
    EXPECT_EQ(outcome.certainty, registry::Certainty::kNotSent);
  });
  EXPECT_EQ(calls, 0);
}

TEST_F(NoRecordTest, R18_CallsAreSubmittedAndRunAllTheSame) {
  const Handle queue = *registry::OpenQueue(registry_->handle(), {.name = "q"});
  const registry::ExecutorRef executor = *registry::FindExecutor(queue);
  std::atomic<int> calls{0};
  CallbackSpec spec = Counting(calls);
  spec.executor = executor.executor;
  spec.executor_keeper = executor.keeper;
  const Handle handle = *Registry::Register(registry_->handle(), std::move(spec));
  int ends = 0;
  OnAThreadWithoutARecord([&] {
    Registry::InvokeAsync(handle, {}, [&](const registry::Outcome& outcome) {
      EXPECT_TRUE(outcome.status.ok()) << outcome.status.ToString();
      ++ends;
    });
    const Ref<registry::Object> object = *Registry::Find(queue, registry::Kind::kQueue);
    EXPECT_EQ(static_cast<registry::QueueObject&>(*object).RunSome(1, 0).count, 1U);
  });
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(ends, 1);
}

// Calls of one callback, each inside the one before, on so many threads that a scan finds more than it has room for.
TEST_F(NoRecordTest, R5_AScanWithoutMemoryTakesEverythingForUsed) {
  constexpr std::size_t kThreads = HazardScan::kReserved / registry::kMaxDepth + 1;
  struct Nest {
    Handle handle = 0;
    std::atomic<std::size_t> deep{0};
    std::atomic<bool> go{false};
  } nest;
  CallbackSpec spec;
  spec.target.function = [](void* context, ::belay_call*) -> std::int32_t {
    auto& self = *static_cast<Nest*>(context);
    if (const CallPin deeper(self.handle); deeper) return deeper.Run(nullptr);
    ++self.deep;
    self.deep.notify_all();
    self.go.wait(false);
    return 0;
  };
  spec.context = OwnedContext(&nest, nullptr);
  nest.handle = *Registry::Register(registry_->handle(), std::move(spec));
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      const CallPin pin(nest.handle);
      EXPECT_TRUE(pin) << "no record";
      if (pin) pin.Run(nullptr);
    });
  }
  for (std::size_t deep = nest.deep; deep != kThreads; deep = nest.deep) nest.deep.wait(deep);
  constexpr std::uint32_t kUnused = HandleTable::kSlots - 1;
  HazardScan scan;
  {
    const FailNth fail(1);
    HandleTable::Get().Scan(scan);
  }
  EXPECT_TRUE(scan.HasSlot(kUnused));
  EXPECT_TRUE(scan.HasObject(kUnused));
  HandleTable::Get().Scan(scan);
  EXPECT_FALSE(scan.HasSlot(kUnused)) << "there is memory again";
  EXPECT_TRUE(scan.HasSlot(registry::SlotOf(nest.handle)));
  nest.go = true;
  nest.go.notify_all();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace belay::model
