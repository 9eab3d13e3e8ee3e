// Names: what a binding holds, and when a name is free.
#include <gtest/gtest.h>

#include "broker/engine/broker.h"
#include "broker/engine/testing/probe.h"

namespace belay::engine {
namespace {

using base::Code;
using base::Status;
using registry::Handle;
using registry::Registry;

class NamesTest : public testing::Test {
 protected:
  void SetUp() override {
    BrokerOptions options;
    options.log = [this](registry::LogLevel, std::string_view line) {
      log_.Put(std::string(line));
    };
    auto opened = Broker::Open(std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    broker_ = *opened;
    owner_ = *broker_->registry().OpenOwner("test");
  }
  void TearDown() override {
    if (broker_ == nullptr) return;
    EXPECT_TRUE(broker_->Close(10'000'000'000).ok());
  }

  Probe MakeProbe() {
    return Probe::Native(owner_, [](const registry::Request&, std::string*) { return Status(); });
  }
  std::size_t HeldByNames() {
    std::uint64_t after = 0;
    std::size_t count = 0;
    for (const auto& info : broker_->registry().List(&after, 1'000)) {
      count += info.holder_name == "names" ? 1U : 0U;
    }
    return count;
  }

  Mailbox<std::string> log_;
  std::shared_ptr<Broker> broker_;
  Handle owner_ = 0;
};

TEST_F(NamesTest, R2_ABindingIsAReferenceOfItsOwn) {
  const Probe probe = MakeProbe();
  ASSERT_TRUE(broker_->Bind("clock", probe.handle()).ok());
  EXPECT_EQ(Registry::Describe(probe.handle())->references, 2U);
  EXPECT_EQ(HeldByNames(), 1U);

  ASSERT_TRUE(Registry::Release(probe.handle()).ok());
  const auto resolved = broker_->Resolve("clock");
  ASSERT_TRUE(resolved.ok()) << resolved.status().ToString();
  EXPECT_TRUE(Registry::Invoke(*resolved, {}).status.ok());
  EXPECT_EQ(probe.releases(), 0);

  ASSERT_TRUE(broker_->Unbind("clock").ok());
  EXPECT_TRUE(probe.WaitReleased());
  EXPECT_EQ(probe.releases(), 1);
  EXPECT_EQ(broker_->Resolve("clock").code(), Code::kNotFound);
  EXPECT_EQ(Registry::Invoke(*resolved, {}).status.code(), Code::kStale);
}

TEST_F(NamesTest, ALiveNameIsTakenAndADeadOneIsFreeAtOnce) {
  const Probe first = MakeProbe();
  const Probe second = MakeProbe();
  ASSERT_TRUE(broker_->Bind("clock", first.handle()).ok());
  const Status taken = broker_->Bind("clock", second.handle());
  EXPECT_EQ(taken.code(), Code::kAlreadyExists);
  EXPECT_NE(taken.message().find("clock"), std::string::npos);
  EXPECT_EQ(broker_->Bind("clock", first.handle()).code(), Code::kAlreadyExists);

  // While a pin keeps the callback from being released, only asking can free the name.
  Gate entered;
  Gate leave;
  const Probe busy = Probe::Native(owner_, [&](const registry::Request&, std::string*) {
    entered.Open();
    leave.Wait();
    return Status();
  });
  ASSERT_TRUE(broker_->Bind("busy", busy.handle()).ok());
  std::thread call([&] { EXPECT_TRUE(Registry::Invoke(busy.handle(), {}).status.ok()); });
  EXPECT_TRUE(entered.Wait());
  ASSERT_TRUE(Registry::Unregister(busy.handle(), Code::kUnregistered).ok());
  EXPECT_EQ(broker_->Resolve("busy").code(), Code::kNotFound);
  EXPECT_TRUE(broker_->Bind("busy", second.handle()).ok());
  leave.Open();
  call.join();
  EXPECT_TRUE(Registry::Drain(busy.handle(), 10'000'000'000).ok());
  // The old callback's end must not take the name from the new one.
  EXPECT_TRUE(broker_->Resolve("busy").ok());
}

TEST_F(NamesTest, R15_NothingIsHeldOnceTheCallbackIsReleased) {
  const Probe probe = MakeProbe();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(broker_->Bind("n" + std::to_string(i), probe.handle()).ok());
  }
  EXPECT_EQ(HeldByNames(), 100U);
  ASSERT_TRUE(Registry::Unregister(probe.handle(), Code::kUnregistered).ok());
  ASSERT_TRUE(Registry::Drain(probe.handle(), 10'000'000'000).ok());
  EXPECT_EQ(HeldByNames(), 0U);
  EXPECT_EQ(broker_->NameOf(probe.handle()), "");
  EXPECT_EQ(probe.releases(), 1);
}

TEST_F(NamesTest, R12_ClosingTheOwnerFreesItsNames) {
  const Probe probe = MakeProbe();
  ASSERT_TRUE(broker_->Bind("clock", probe.handle()).ok());
  ASSERT_TRUE(Registry::CloseOwner(owner_).ok());
  EXPECT_EQ(broker_->Resolve("clock").code(), Code::kNotFound);
  EXPECT_TRUE(probe.WaitReleased());
  EXPECT_TRUE(Eventually([&] { return HeldByNames() == 0; }));
  EXPECT_EQ(probe.releases(), 1);
}

TEST_F(NamesTest, SeveralNamesOfOneCallback) {
  const Probe probe = MakeProbe();
  const Probe other = MakeProbe();
  EXPECT_EQ(broker_->NameOf(probe.handle()), "");
  ASSERT_TRUE(broker_->Bind("b", probe.handle()).ok());
  ASSERT_TRUE(broker_->Bind("a", probe.handle()).ok());
  ASSERT_TRUE(broker_->Bind("c", other.handle()).ok());
  EXPECT_EQ(broker_->NameOf(probe.handle()), "a");
  const Handle copy = *Registry::Retain(probe.handle(), 0, 0);
  EXPECT_EQ(broker_->NameOf(copy), "a");
  broker_->UnbindCallback(copy);
  EXPECT_EQ(broker_->NameOf(probe.handle()), "");
  EXPECT_EQ(broker_->Resolve("a").code(), Code::kNotFound);
  EXPECT_EQ(broker_->Resolve("b").code(), Code::kNotFound);
  EXPECT_TRUE(broker_->Resolve("c").ok());
}

TEST_F(NamesTest, R16_RightsToBindAndOfWhoResolves) {
  const Probe probe = MakeProbe();
  const Handle weak =
      *Registry::Retain(probe.handle(), 0, registry::kRightInvoke | registry::kRightRetain);
  EXPECT_EQ(broker_->Bind("clock", weak).code(), Code::kPermissionDenied);
  ASSERT_TRUE(broker_->Bind("clock", probe.handle()).ok());
  const Handle resolved = *broker_->Resolve("clock");
  EXPECT_EQ(Registry::Unregister(resolved, Code::kUnregistered).code(), Code::kPermissionDenied);
  EXPECT_TRUE(Registry::Retain(resolved, owner_, 0).ok());
}

TEST_F(NamesTest, I7_BadNamesAndBadHandles) {
  const Probe probe = MakeProbe();
  EXPECT_EQ(broker_->Bind("", probe.handle()).code(), Code::kInvalidArgument);
  EXPECT_EQ(broker_->Bind(std::string(256, 'x'), probe.handle()).code(), Code::kInvalidArgument);
  EXPECT_TRUE(broker_->Bind(std::string(255, 'x'), probe.handle()).ok());
  EXPECT_EQ(broker_->Bind("a\nb", probe.handle()).code(), Code::kInvalidArgument);
  EXPECT_EQ(broker_->Bind("a\x7f", probe.handle()).code(), Code::kInvalidArgument);
  EXPECT_TRUE(broker_->Bind("gr\xc3\xbc\xc3\x9f", probe.handle()).ok());
  EXPECT_EQ(broker_->Bind("n", 0).code(), Code::kMalformed);
  EXPECT_EQ(broker_->Bind("n", owner_).code(), Code::kWrongKind);
  EXPECT_EQ(broker_->Bind("n", broker_->handle()).code(), Code::kWrongKind);
  EXPECT_EQ(broker_->NameOf(owner_), "");
  broker_->UnbindCallback(0);
  const Status unknown = broker_->Unbind("nobody");
  EXPECT_EQ(unknown.code(), Code::kNotFound);
  EXPECT_NE(unknown.message().find("nobody"), std::string::npos);
  ASSERT_TRUE(Registry::Release(probe.handle()).ok());
  EXPECT_EQ(broker_->Bind("n", probe.handle()).code(), Code::kStale);
}

TEST_F(NamesTest, R15_ABindingIsNoLeakAtClose) {
  const Probe probe = MakeProbe();
  ASSERT_TRUE(broker_->Bind("clock", probe.handle()).ok());
  ASSERT_TRUE(Registry::Release(probe.handle()).ok());
  ASSERT_TRUE(broker_->Close(10'000'000'000).ok());
  EXPECT_EQ(probe.releases(), 1);
  EXPECT_EQ(log_.size(), 0U);
  EXPECT_EQ(broker_->Bind("late", probe.handle()).code(), Code::kStale);
  broker_ = nullptr;
}

}  // namespace
}  // namespace belay::engine
