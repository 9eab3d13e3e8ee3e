// The RAII headers over libbelay: closures of every accepted shape, and their one end.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "belay/belay.hpp"

namespace belay {
namespace {

using namespace std::chrono_literals;

Broker MustOpen(BrokerOptions options = {}) {
  options.log = [](std::int32_t, std::string_view) {};
  Result<Broker> broker = Broker::Open(std::move(options));
  EXPECT_TRUE(broker.ok()) << broker.status().ToString();
  return *std::move(broker);
}

bool Eventually(const std::function<bool()>& is_true) {
  for (int i = 0; i < 2000; ++i) {
    if (is_true()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

// Counts its copies that live; a closure captures one.
struct Counted {
  explicit Counted(std::atomic<int>& count) : live(&count) { ++*live; }
  Counted(const Counted& other) : live(other.live) { ++*live; }
  Counted(Counted&& other) noexcept : live(other.live) { ++*live; }
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --*live; }
  std::atomic<int>* live;
};

TEST(Callback, TakesEveryShapeOfClosure) {
  const Broker broker = MustOpen();
  Result<Owner> owner = broker.OpenOwner("test");
  ASSERT_TRUE(owner.ok()) << owner.status().ToString();
  const auto text =
      owner->Register([](std::string_view name) { return "hello " + std::string(name); });
  const auto bytes = owner->Register([](Bytes request) { return std::to_string(request.size()); });
  const auto span = owner->Register([](std::span<const std::byte> request, Reply& reply) {
    return reply.Set(Bytes(request.data(), request.size()));
  });
  const auto any = owner->Register([](auto request, Reply& reply) { return reply.Set(request); });
  ASSERT_TRUE(text.ok() && bytes.ok() && span.ok() && any.ok());
  EXPECT_EQ(*text->Invoke("you"), "hello you");
  EXPECT_EQ(*bytes->Invoke(std::vector<unsigned char>{1, 2, 3}), "3");
  EXPECT_EQ(*span->Invoke("abc"), "abc");
  EXPECT_EQ(*any->Invoke(std::string(100'000, 'x')), std::string(100'000, 'x'));
  EXPECT_EQ(*any->Invoke(""), "");
}

TEST(Callback, FailuresKeepTheirText) {
  const Broker broker = MustOpen();
  const auto fails =
      broker.Register([](Bytes, Reply&) { return Status(BELAY_NOT_FOUND, "no apples"); });
  const auto throws =
      broker.Register([](Bytes) -> std::string { throw std::runtime_error("ouch"); });
  const auto odd = broker.Register([](Bytes) -> std::string { throw 7; });
  EXPECT_EQ(fails->Invoke("").code(), BELAY_CALLBACK_FAILED);
  EXPECT_NE(fails->Invoke("").status().message.find("no apples"), std::string::npos);
  EXPECT_NE(throws->Invoke("").status().message.find("ouch"), std::string::npos);
  EXPECT_EQ(odd->Invoke("").code(), BELAY_CALLBACK_FAILED);
}

TEST(Callback, ClosureIsDeletedOnceAfterTheLastHandle) {
  std::atomic<int> live{0};
  const Broker broker = MustOpen();
  Result<Callback> first = broker.Register([c = Counted(live)](Bytes) { return std::string("x"); });
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(live, 1);
  Result<Callback> second = first->Retain();
  ASSERT_TRUE(second.ok()) << second.status().ToString();
  first->Reset();
  EXPECT_EQ(*second->Invoke(""), "x");
  EXPECT_EQ(live, 1);
  second->Reset();
  EXPECT_TRUE(Eventually([&] { return live == 0; }));
}

TEST(Callback, ClosureOfAFailedRegistrationIsDeleted) {
  std::atomic<int> live{0};
  const Broker broker = MustOpen();
  Result<Owner> owner = broker.OpenOwner("test");
  const belay_handle stale = owner->handle();
  owner->Reset();
  const Result<Callback> refused =
      Owner(stale).Register([c = Counted(live)](Bytes) { return std::string(); });
  EXPECT_FALSE(refused.ok());
  EXPECT_EQ(live, 0);
}

TEST(Callback, MayReleaseItselfWhileItRuns) {
  std::atomic<int> live{0};
  const Broker broker = MustOpen();
  Callback self;
  Result<Callback> registered = broker.Register([&self, c = Counted(live)](Bytes) {
    self.Reset();
    return std::to_string(c.live->load());  // its captures are still there
  });
  self = *std::move(registered);
  EXPECT_EQ(*self.Invoke(""), "1");
  EXPECT_TRUE(Eventually([&] { return live == 0; }));
}

TEST(Callback, UnregisterAndDrain) {
  std::atomic<int> live{0};
  const Broker broker = MustOpen();
  const Result<Callback> callback =
      broker.Register([c = Counted(live)](Bytes) { return std::string(); });
  EXPECT_EQ(callback->Drain(10).code, BELAY_FAILED_PRECONDITION);
  EXPECT_TRUE(callback->Unregister().ok());
  const Status drained = callback->Drain(5000);
  EXPECT_TRUE(drained.ok()) << drained.ToString();
  EXPECT_EQ(live, 0);
  EXPECT_EQ(callback->Invoke("").code(), BELAY_UNREGISTERED);
}

TEST(Pin, CallsAtTheSpeedOfAPointerAndOutlivesTheHandle) {
  std::atomic<int> live{0};
  const Broker broker = MustOpen();
  using Type = std::int64_t(std::int64_t);
  Result<Callback> twice = broker.RegisterTyped<Type>(
      [c = Counted(live)](std::int64_t x) { return 2 * x; }, {.label = "twice", .site = {}});
  ASSERT_TRUE(twice.ok()) << twice.status().ToString();
  Result<Pin<Type>> pin = twice->Pin<Type>();
  ASSERT_TRUE(pin.ok()) << pin.status().ToString();
  EXPECT_EQ((*pin)(21), 42);
  EXPECT_EQ(twice->Pin<void(bool)>().status().reason, "SIGNATURE_MISMATCH");
  EXPECT_EQ(twice->Invoke("").code(), BELAY_FAILED_PRECONDITION);
  twice->Reset();
  std::thread([&] { EXPECT_EQ((*pin)(4), 8); }).join();
  EXPECT_EQ(live, 1);
  pin->Reset();
  EXPECT_TRUE(Eventually([&] { return live == 0; }));
}

TEST(Pin, TakesEveryType) {
  EXPECT_EQ(detail::Signature<void()>::Text(), "void()");
  EXPECT_EQ((detail::Signature<float(bool, std::int8_t, std::uint16_t, double, const char*,
                                     void*)>::Text()),
            "f32(bool,i8,u16,f64,ptr,ptr)");
  EXPECT_EQ(detail::Signature<long long(unsigned)>::Text(), "i64(u32)");
  const Broker broker = MustOpen();
  bool seen = false;
  const auto setter = broker.RegisterTyped<void(bool)>([&seen](bool value) { seen = value; });
  ASSERT_TRUE(setter.ok()) << setter.status().ToString();
  (*setter->Pin<void(bool)>())(true);
  EXPECT_TRUE(seen);
  const auto throws =
      broker.RegisterTyped<int(int)>([](int) -> int { throw std::runtime_error("typed"); });
  EXPECT_EQ((*throws->Pin<int(int)>())(1), 0);
}

TEST(Owner, ItsEndEndsItsCallbacks) {
  std::atomic<int> live{0};
  const Broker broker = MustOpen();
  Result<Owner> owner = broker.OpenOwner("shop");
  Result<Callback> callback = owner->Register([c = Counted(live)](Bytes) { return std::string(); },
                                              {.label = "price", .site = "here:1"});
  const Result<belay_handle_info> info = callback->Describe();
  ASSERT_TRUE(info.ok());
  EXPECT_STREQ(info->owner_name, "shop");
  EXPECT_STREQ(info->label, "price");
  const Result<std::vector<belay_handle_info>> all = broker.List();
  ASSERT_TRUE(all.ok());
  EXPECT_GE(all->size(), 2u);
  owner->Reset();
  EXPECT_FALSE(callback->Invoke("").ok());
  EXPECT_TRUE(Eventually([&] { return live == 0; }));
}

// Any order of destruction is legal: here the broker goes first.
TEST(Broker, MayGoBeforeWhatItGave) {
  std::atomic<int> live{0};
  Callback callback;
  Owner owner;
  {
    const Broker broker = MustOpen();
    owner = *broker.OpenOwner("late");
    callback = *owner.Register([c = Counted(live)](Bytes) { return std::string(); });
  }
  EXPECT_EQ(live, 0);
  EXPECT_FALSE(callback.Invoke("").ok());
}

}  // namespace
}  // namespace belay
