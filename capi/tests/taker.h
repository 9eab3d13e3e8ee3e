// A place where a function of the ABI takes a handle, and what it must say of handles that it does not take.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <set>
#include <span>

#include "belay/belay.h"
#include "capi/tests/fixture.h"

namespace belay::capi {

struct Taker {
  const char* name;
  std::set<std::uint32_t> kinds;  // that it takes
  std::function<belay_status(belay_handle)> call;
  // Of a handle of such a kind that was released.
  belay_status when_dead = BELAY_STALE;
};

inline void ExpectRefused(const Taker& taker, belay_handle handle, belay_status wanted) {
  EXPECT_EQ(taker.call(handle), wanted)
      << taker.name << " of a handle of kind " << (handle >> 56U) << ": " << LastMessage();
}

// One that lives is WRONG_KIND unless it is taken, one that is dead STALE, and forged ones MALFORMED.
inline void ExpectToldApart(const Taker& taker, std::span<const belay_handle> alive,
                            std::span<const belay_handle> dead) {
  const auto is_taken = [&](belay_handle handle) {
    return taker.kinds.contains(static_cast<std::uint32_t>(handle >> 56U));
  };
  for (const belay_handle handle : alive) {
    if (!is_taken(handle)) ExpectRefused(taker, handle, BELAY_WRONG_KIND);
  }
  for (const belay_handle handle : dead)
    ExpectRefused(taker, handle, is_taken(handle) ? taker.when_dead : BELAY_STALE);
  ExpectRefused(taker, ~belay_handle{0}, BELAY_MALFORMED);
  ExpectRefused(taker, belay_handle{BELAY_KIND_BATCH + 1} << 56U | 1, BELAY_MALFORMED);
  ExpectRefused(taker, belay_handle{BELAY_KIND_CURSOR} << 56U | 0xff'ffff, BELAY_MALFORMED);
}

}  // namespace belay::capi
