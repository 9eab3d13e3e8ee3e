// What the tests of watches share: a broker over a store in memory, with a clock that stands still.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/engine/broker.h"
#include "broker/engine/testing/fake_store.h"
#include "broker/engine/testing/probe.h"

namespace belay::engine {

class WatchFixture : public testing::Test {
 protected:
  static constexpr std::int64_t kPatienceNs = 30'000'000'000;

  explicit WatchFixture(unsigned callback_threads = 4) : callback_threads_(callback_threads) {}

  void SetUp() override {
    BrokerOptions options;
    options.callback_threads = callback_threads_;
    options.clock = &clock_;
    options.log = [log = log_](registry::LogLevel, std::string_view line) {
      log->Put(std::string(line));
    };
    auto store = std::make_unique<FakeStore>([closed = store_closed_] { closed->Open(); });
    store_ = store.get();
    auto opened = Broker::OpenWith(std::move(options), std::move(store));
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    broker_ = *opened;
    owner_ = *broker_->registry().OpenOwner("test");
  }
  void TearDown() override {
    if (broker_ == nullptr) return;
    EXPECT_TRUE(broker_->Close(kPatienceNs).ok());
    broker_ = nullptr;
    EXPECT_TRUE(store_closed_->Wait());
  }

  // A callback that puts what it gets into `mailbox`.
  Probe Receiver(Mailbox<std::vector<Change>>& mailbox, std::string label = "receiver") {
    return Probe::Native(
        owner_,
        [&mailbox](const registry::Request& request, std::string*) {
          mailbox.Put(Decode(request.payload));
          return base::Status();
        },
        std::move(label));
  }
  // A callback elsewhere, whose calls the test answers.
  Probe Hosted(Mailbox<std::unique_ptr<registry::AsyncCall>>& calls) {
    return Probe::Hosted(owner_, [&calls](std::unique_ptr<registry::AsyncCall> call) {
      calls.Put(std::move(call));
    });
  }
  registry::Handle MustAttach(const Probe& probe, std::string prefix,
                              storage::Revision from_revision = 0, registry::Handle holder = 0) {
    WatchOptions options;
    options.end = storage::PrefixEnd(prefix);
    options.start = std::move(prefix);
    options.from_revision = from_revision;
    options.callback = probe.handle();
    options.holder = holder;
    auto handle = broker_->AttachWatch(options);
    EXPECT_TRUE(handle.ok()) << handle.status().ToString();
    return handle.ok() ? *handle : 0;
  }
  // The next `count` changes, however they are cut into calls.
  static std::vector<Change> TakeChanges(Mailbox<std::vector<Change>>& mailbox, std::size_t count) {
    std::vector<Change> changes;
    while (changes.size() < count) {
      auto some = mailbox.Take();
      if (!some) {
        ADD_FAILURE() << "only " << changes.size() << " of " << count << " changes came";
        break;
      }
      changes.insert(changes.end(), some->begin(), some->end());
    }
    return changes;
  }
  // Handles that `holder` has to callbacks.
  std::size_t CallbacksHeldBy(std::string_view holder) {
    std::uint64_t after = 0;
    std::size_t count = 0;
    for (const auto& info : broker_->registry().List(&after, 100'000)) {
      count += info.kind == registry::Kind::kCallback && info.holder_name == holder ? 1U : 0U;
    }
    return count;
  }
  // Lets `pause_ns` pass. The commit is for the dispatcher to look at the clock.
  void LetPass(std::int64_t pause_ns) {
    clock_.AdvanceNs(pause_ns);
    store_->Put("~clock");
  }

  const unsigned callback_threads_;
  base::VirtualClock clock_;
  // Shared: what runs after the broker's close may still use them.
  const std::shared_ptr<Mailbox<std::string>> log_ = std::make_shared<Mailbox<std::string>>();
  const std::shared_ptr<Gate> store_closed_ = std::make_shared<Gate>();
  FakeStore* store_ = nullptr;
  std::shared_ptr<Broker> broker_;
  registry::Handle owner_ = 0;
};

}  // namespace belay::engine
