// Names of kinds and states, and what callbacks registered at one place share (R15).
#include "broker/registry/origin.h"
#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

TEST(WordsTest, R15_EveryKindHasAName) {
  for (std::uint8_t kind = 1; kind <= kLastKind; ++kind)
    EXPECT_NE(KindName(static_cast<Kind>(kind)), "nothing") << int{kind};
  EXPECT_EQ(KindName(Kind::kNone), "nothing");
  EXPECT_EQ(KindName(static_cast<Kind>(kLastKind + 1)), "nothing") << "of a forged handle";
}

TEST(WordsTest, R15_EveryStateHasAName) {
  for (std::uint8_t state = 1; state <= static_cast<std::uint8_t>(State::kQuarantined); ++state)
    EXPECT_NE(StateName(static_cast<State>(state)), "unknown") << int{state};
  EXPECT_EQ(StateName(State{}), "unknown");
}

// That of a callback registered at `site`, but for what `change` does.
OriginRef At(
    Origins& origins, const char* site, void (*change)(Origin&) = [](Origin&) {}) {
  Origin origin;
  origin.target.function = &Probe::Run;
  origin.target.adapter = &Probe::Adapt;
  origin.label = "label";
  origin.site = site;
  change(origin);
  return origins.Get({origin.target, origin.release, origin.label, origin.site});
}

TEST(OriginsTest, R15_WhatDiffersInAnythingIsAnotherOrigin) {
  Origins origins;
  const OriginRef first = At(origins, "here");
  const auto is_first = [&](const OriginRef& other) { return other.get() == first.get(); };
  EXPECT_TRUE(is_first(At(origins, "here")));
  EXPECT_FALSE(is_first(At(origins, "there")));
  EXPECT_TRUE(is_first(At(origins, "here"))) << "also when another was the last one";
  for (const auto change : std::initializer_list<void (*)(Origin&)>{
           [](Origin& origin) { origin.target.adapter = nullptr; },
           [](Origin& origin) { origin.target.start = [](void*, std::unique_ptr<AsyncCall>) {}; },
           [](Origin& origin) { origin.release = &Probe::Release; },
           [](Origin& origin) { origin.label = "another"; }}) {
    EXPECT_TRUE(is_first(At(origins, "here")));
    EXPECT_FALSE(is_first(At(origins, "here", change)));
  }
}

TEST(OriginsTest, R15_WhatIsInUseOutlivesWhatIsThrownAway) {
  constexpr int kMoreThanAreKept = 3'000;
  Origins origins;
  const OriginRef kept = At(origins, "kept");
  for (int i = 0; i < kMoreThanAreKept; ++i) (void)At(origins, std::to_string(i).c_str());
  EXPECT_EQ(At(origins, "kept").get(), kept.get());
}

TEST(RefTest, R12_ACopyOfNoneIsNone) {
  const Ref<Object> none;
  const Ref<Object> copy(none);
  EXPECT_FALSE(copy);
}

}  // namespace
}  // namespace belay::registry
