// What is bounded, and who may hold what: refused by name before anything has begun (R9, R14, R16).
#include <memory>

#include "broker/registry/executor_objects.h"
#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;

class BoundsTest : public RegistryTest {
 protected:
  Handle OwnerWith(OwnerBudget budget, Handle parent) {
    OwnerOptions options;
    options.budget = budget;
    auto opened = Registry::OpenOwner(parent, "bounded", options);
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    return opened.ok() ? *opened : 0;
  }
  static RegistryOptions Named(const char* name) {
    RegistryOptions options;
    options.name = name;
    options.log = [](LogLevel, std::string_view) {};
    return options;
  }
};

TEST_F(BoundsTest, R14_OwnersNestThirtyTwoDeep) {
  Handle innermost = alice_;
  int depth = 1;
  while (true) {
    auto inner = Registry::OpenOwner(innermost, "inner", {});
    if (!inner.ok()) {
      EXPECT_EQ(inner.code(), Code::kResourceExhausted) << inner.status().ToString();
      break;
    }
    innermost = *inner;
    ASSERT_LE(++depth, 32);
  }
  EXPECT_EQ(depth, 32);
  EXPECT_TRUE(Registry::CloseOwner(alice_).ok());
  EXPECT_EQ(CodeOf(Registry::CloseOwner(innermost)), Code::kStale) << "closed with the outermost";
}

TEST_F(BoundsTest, R14_ATransferMustFitTheHoldersBudget) {
  const Handle one = OwnerWith({.max_handles = 1}, alice_);
  const Handle first = Register(bob_, NewProbe());
  const Handle second = Register(bob_, NewProbe());
  EXPECT_TRUE(Registry::Transfer(first, one).ok());
  const base::Status over = Registry::Transfer(second, one);
  EXPECT_EQ(over.code(), Code::kResourceExhausted);
  EXPECT_EQ(over.reason(), "OWNER_BUDGET");
  EXPECT_TRUE(Registry::Transfer(first, one).ok()) << "it is there already";
}

TEST_F(BoundsTest, R16_NothingIsHeldByAnOwnerOfAnotherBroker) {
  Ref<Registry> another = *Registry::Open(Named("another"));
  const Handle stranger = *another->OpenOwner("stranger");
  const Handle handle = Register(alice_, NewProbe());
  EXPECT_EQ(CodeOf(Registry::Transfer(handle, stranger)), Code::kInvalidArgument);
  EXPECT_EQ(CodeOf(Registry::Retain(handle, stranger, 0)), Code::kInvalidArgument);
  const auto queue = [] {
    return Ref<Object>::Adopt(new QueueObject(ExecutorOptions{.name = "q"}));
  };
  EXPECT_EQ(CodeOf(registry_->Insert(queue(), stranger)), Code::kInvalidArgument);
  EXPECT_EQ(CodeOf(registry_->Insert(queue(), handle)), Code::kWrongKind);
  EXPECT_EQ(CodeOf(registry_->Insert(queue(), 1)), Code::kMalformed);
  EXPECT_TRUE(another->Close(kPatienceNs).ok());
}

TEST_F(BoundsTest, R14_WhatIsInsertedMustFitTheHoldersBudget) {
  const Handle one = OwnerWith({.max_handles = 1}, alice_);
  EXPECT_TRUE(OpenQueue(one, {.name = "first"}).ok());
  EXPECT_EQ(CodeOf(OpenQueue(one, {.name = "second"})), Code::kResourceExhausted);
}

TEST_F(BoundsTest, R14_BytesQueuedAreBoundedAlsoWithoutABoundOfCalls) {
  const Handle owner = OwnerWith({.max_queued_bytes = 10}, alice_);
  const Handle queue = *OpenQueue(alice_, {.name = "q"});
  const Handle handle = RegisterOn(*FindExecutor(queue), NewProbe(), owner);
  Request request;
  request.payload = "more than ten";
  auto call = std::make_unique<AsyncCall>(std::move(request), nullptr);
  const base::Status over = Registry::SubmitCall(handle, call);
  EXPECT_EQ(over.code(), Code::kResourceExhausted) << over.ToString();
  call->Discard();
}

TEST_F(BoundsTest, R16_EachMissingRightIsNamed) {
  const Handle handle = Register(alice_, NewProbe());
  const Handle only_invoke = *Registry::Retain(handle, 0, kRightInvoke);
  const Handle only_retain = *Registry::Retain(handle, 0, kRightRetain);
  EXPECT_NE(Registry::Retain(only_invoke, 0, 0).status().message().find("retain"),
            std::string::npos);
  EXPECT_NE(Registry::Unregister(only_invoke, Code::kUnregistered).message().find("unregister"),
            std::string::npos);
  EXPECT_NE(Call(only_retain).message().find("invoke"), std::string::npos);
}

}  // namespace
}  // namespace belay::registry
