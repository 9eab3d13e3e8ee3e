// Typed callbacks: signatures, and pins that are called as function pointers (R11).
#include "broker/registry/signature.h"
#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;

TEST(Signature, R11_IsNormalizedToOneText) {
  const struct {
    const char* text;
    const char* plain;
  } cases[] = {
      {"i64(i64)", "i64(i64)"},
      {" i64 ( i64 ) ", "i64(i64)"},
      {"void()", "void()"},
      {"void(bool)", "void(bool)"},
      {"f64(f32, f64,ptr)", "f64(f32,f64,ptr)"},
      {"bool(i8,i16,i32,u8,u16,u32)", "bool(i8,i16,i32,u8,u16,u32)"},
      {"u64(u64)", "u64(u64)"},
      {"ptr(ptr)", "ptr(ptr)"},
  };
  for (const auto& c : cases) {
    const auto plain = NormalizeSignature(c.text);
    ASSERT_TRUE(plain.ok()) << c.text << ": " << plain.status().ToString();
    EXPECT_EQ(*plain, c.plain);
  }
}

TEST(Signature, R11_WhatIsWrongIsNamed) {
  const struct {
    std::string text;
    const char* what;
  } cases[] = {
      {"", "no parentheses"},
      {" ", "no parentheses"},
      {")", "no parentheses"},
      {"(", "no parentheses"},
      {"i64", "no parentheses"},
      {"i64(", "no parentheses"},
      {"i64(i64", "no parentheses"},
      {"i64(i64)x", "no parentheses"},
      {")(", "no parentheses"},
      {"()", "unknown result type"},
      {"(i64)", "unknown result type"},
      {"int(i64)", "unknown result type"},
      {"I64(i64)", "unknown result type"},
      {"i64)(i64)", "unknown result type"},
      {"i64(void)", "unknown type of argument 1"},
      {"i64(i64 i64)", "unknown type of argument 1"},
      {"i64(i64,)", "comma"},
      {"i64(,i64)", "unknown type of argument 1"},
      {"i64(,)", "unknown type of argument 1"},
      {"i64(i64,,i64)", "unknown type of argument 2"},
      {"i64(i64)(i64)", "unknown type of argument 1"},
      {"i64((i64))", "unknown type of argument 1"},
      {"i64(i64\t)", "unknown type of argument 1"},
      {std::string("i64(i64\0)", 9), "unknown type of argument 1"},
      {"i64(\xff)", "unknown type of argument 1"},
      {"i64(i64,i64,i64,i64,i64,i64,i64)", "more than 6"},
      {std::string(129, ' '), "longer than 128"},
      {std::string(100'000, '('), "longer than 128"},
  };
  for (const auto& c : cases) {
    const auto plain = NormalizeSignature(c.text);
    ASSERT_FALSE(plain.ok()) << c.text;
    EXPECT_EQ(plain.code(), Code::kInvalidArgument);
    EXPECT_EQ(plain.status().reason(), "BAD_SIGNATURE");
    EXPECT_NE(plain.status().message().find(c.what), std::string::npos)
        << c.text << " -> " << plain.status().message();
    EXPECT_LT(plain.status().message().size(), 300U);
  }
}

// A few thousand random texts of the alphabet that matters: never a crash, and what passes is a fixed point.
TEST(Signature, R11_WhatPassesIsAFixedPoint) {
  static constexpr std::string_view kPieces[] = {"i64", "void", "bool", "ptr", "(",
                                                 ")",   ",",    " ",    "f32", "x"};
  std::uint32_t state = 12345;
  int passed = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (int length = 0; length < 6; ++length) {
      state = state * 1664525 + 1013904223;
      text += kPieces[(state >> 16U) % std::size(kPieces)];
    }
    const auto plain = NormalizeSignature(text);
    if (!plain.ok()) continue;
    ++passed;
    EXPECT_EQ(*NormalizeSignature(*plain), *plain);
    EXPECT_EQ(plain->find(' '), std::string::npos);
  }
  EXPECT_GT(passed, 0);
}

class TypedPinTest : public RegistryTest {
 protected:
  void SetUp() override {
    RegistryTest::SetUp();
    probe_ = &NewProbe();
    handle_ = *Registry::Register(alice_, probe_->TypedSpec("i64( i64 )"));
  }
  static std::int64_t CallPinned(const Registry::PinnedFunction& pinned, std::int64_t value) {
    return reinterpret_cast<std::int64_t (*)(void*, std::int64_t)>(pinned.function)(pinned.context,
                                                                                    value);
  }
  Registry::PinnedFunction Pinned() {
    const auto pinned = Registry::PinTyped(handle_, "i64(i64)");
    EXPECT_TRUE(pinned.ok()) << pinned.status().ToString();
    return *pinned;
  }

  Probe* probe_ = nullptr;
  Handle handle_ = 0;
};

TEST_F(TypedPinTest, R11_ThePinIsCalledAsAFunctionPointer) {
  const auto pinned = Pinned();
  EXPECT_EQ(CallPinned(pinned, 21), 42);
  const auto info = Registry::Describe(handle_);
  EXPECT_EQ(info->signature, "i64(i64)");
  EXPECT_EQ(info->pins, 1U);
  EXPECT_EQ(Registry::Describe(pinned.pin)->kind, Kind::kPin);
  EXPECT_EQ(Registry::Describe(pinned.pin)->holder_name, "alice");
  EXPECT_TRUE(Registry::Release(pinned.pin).ok());
  EXPECT_EQ(Registry::Describe(handle_)->pins, 0U);
}

TEST_F(TypedPinTest, R11_AnotherSignatureIsRefusedNamingBoth) {
  const auto pinned = Registry::PinTyped(handle_, "void(bool)");
  EXPECT_EQ(pinned.code(), Code::kInvalidArgument);
  EXPECT_EQ(pinned.status().reason(), "SIGNATURE_MISMATCH");
  EXPECT_NE(pinned.status().message().find("i64(i64)"), std::string::npos);
  EXPECT_NE(pinned.status().message().find("void(bool)"), std::string::npos);
  EXPECT_EQ(Registry::PinTyped(handle_, "nonsense").status().reason(), "BAD_SIGNATURE");
  const Handle untyped = Register(alice_, NewProbe());
  EXPECT_EQ(CodeOf(Registry::PinTyped(untyped, "i64(i64)")), Code::kFailedPrecondition);
  EXPECT_EQ(CodeOf(Call(handle_)), Code::kFailedPrecondition)
      << "typed ones are pinned, not invoked";
  EXPECT_EQ(CodeOf(Registry::Invoke(handle_, {}).status), Code::kFailedPrecondition);
}

TEST_F(TypedPinTest, R11_APinOutlivesUnregisterAndRelease) {
  const auto first = Pinned();
  const auto second = Pinned();
  ASSERT_TRUE(Registry::Unregister(handle_, Code::kUnregistered).ok());
  EXPECT_EQ(CodeOf(Registry::PinTyped(handle_, "i64(i64)")), Code::kUnregistered);
  const base::Status drained = Registry::Drain(handle_, 1'000'000);
  EXPECT_EQ(drained.code(), Code::kDeadlineExceeded);
  EXPECT_NE(drained.message().find("2 pins held"), std::string::npos) << drained.message();
  ASSERT_TRUE(Registry::Release(handle_).ok());
  EXPECT_EQ(CallPinned(first, 1), 2);
  ASSERT_TRUE(Registry::Release(first.pin).ok());
  EXPECT_EQ(CallPinned(second, 1), 2);
  EXPECT_EQ(probe_->releases.load(), 0);
  ASSERT_TRUE(Registry::Release(second.pin).ok());
  EXPECT_TRUE(probe_->released.Wait());
}

TEST_F(TypedPinTest, R11_ASecondUnpinIsStale) {
  const auto first = Pinned();
  const auto second = Pinned();
  ASSERT_TRUE(Registry::Release(first.pin).ok());
  EXPECT_EQ(CodeOf(Registry::Release(first.pin)), Code::kStale);
  ASSERT_TRUE(Registry::Unregister(handle_, Code::kUnregistered).ok());
  EXPECT_EQ(CodeOf(Registry::Drain(handle_, 1'000'000)), Code::kDeadlineExceeded);
  EXPECT_EQ(CallPinned(second, 3), 6);
  ASSERT_TRUE(Registry::Release(second.pin).ok());
  EXPECT_TRUE(Registry::Drain(handle_, kPatienceNs).ok());
}

TEST_F(TypedPinTest, R11_APinIsNoCallbackAndNeedsTheRightToInvoke) {
  const auto pinned = Pinned();
  EXPECT_EQ(CodeOf(Call(pinned.pin)), Code::kWrongKind);
  EXPECT_EQ(CodeOf(Registry::Retain(pinned.pin, 0, 0)), Code::kWrongKind);
  EXPECT_EQ(CodeOf(Registry::Unregister(pinned.pin, Code::kUnregistered)), Code::kWrongKind);
  const Handle weak = *Registry::Retain(handle_, bob_, kRightRetain);
  EXPECT_EQ(CodeOf(Registry::PinTyped(weak, "i64(i64)")), Code::kPermissionDenied);
  EXPECT_TRUE(Registry::Release(pinned.pin).ok());
}

TEST_F(TypedPinTest, R11_R12_APinOutlivesTheCloseOfItsOwnerAndOfTheRegistry) {
  const auto pinned = Pinned();
  ASSERT_TRUE(Registry::CloseOwner(alice_).ok());
  EXPECT_EQ(CallPinned(pinned, 4), 8);
  EXPECT_EQ(Registry::Describe(pinned.pin)->holder_name, "test")
      << "kept by the registry's own owner";
  EXPECT_EQ(CodeOf(registry_->Close(5'000'000)), Code::kDeadlineExceeded);
  EXPECT_EQ(CallPinned(pinned, 5), 10);
  EXPECT_EQ(probe_->releases.load(), 0);
  bool is_reported = false;
  for (const std::string& line : Log())
    is_reported = is_reported || line.find("1 pin of callback \"typed\"") != std::string::npos;
  EXPECT_TRUE(is_reported);
  ASSERT_TRUE(Registry::Release(pinned.pin).ok());
  EXPECT_TRUE(probe_->released.Wait());
}

TEST_F(TypedPinTest, R11_PinsAreCalledFromAnyThread) {
  const auto pinned = Pinned();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 100; ++n) EXPECT_EQ(CallPinned(pinned, n), 2 * n);
    });
  }
  ASSERT_TRUE(Registry::Release(handle_).ok());
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(probe_->releases.load(), 0);
  std::thread([&] { EXPECT_TRUE(Registry::Release(pinned.pin).ok()); }).join();
  EXPECT_TRUE(probe_->released.Wait());
}

}  // namespace
}  // namespace belay::registry
