// Who wakes a reaper, or a suspend, that waits for uses of a callback to end: whoever ends one (R6, R7).
//
// Each test counts itself among those who wait, as they do, and looks whether it is poked.
#include <optional>

#include "broker/registry/test_util.h"

namespace belay::registry {
namespace {

using base::Code;

class WakeUpsTest : public RegistryTest {
 protected:
  // True if `end` pokes those who wait, counted in `waiting`.
  template <typename End>
  static bool Pokes(std::atomic<std::uint32_t>& waiting, End end) {
    HandleTable& table = HandleTable::Get();
    waiting.fetch_add(1);
    const std::uint64_t seen = table.epoch();
    end();
    const bool poked = table.WaitForPoke(seen, 0);
    waiting.fetch_sub(1);
    return poked;
  }
};

TEST_F(WakeUpsTest, R6_TheEndOfACallOfWhatIsBeingReleased) {
  const Handle handle = Register(alice_, NewProbe());
  std::optional<CallPin> pin(handle);
  ASSERT_TRUE(*pin);
  ASSERT_TRUE(Registry::Release(handle).ok());
  EXPECT_TRUE(Pokes(HandleTable::waiting_reapers, [&] { pin.reset(); }));
}

// Both ways of entering: the first call of a thread, and those that follow it.
TEST_F(WakeUpsTest, R6_ARefusedCall) {
  Probe& probe = NewProbe();
  const Handle handle = Register(alice_, probe);
  ASSERT_TRUE(Registry::Unregister(handle, Code::kUnregistered).ok());
  ASSERT_TRUE(probe.released.Wait());
  std::thread([&] {
    for (int call = 0; call < 2; ++call) {
      EXPECT_TRUE(Pokes(HandleTable::waiting_reapers, [&] {
        const CallPin pin(handle);
        EXPECT_FALSE(pin);
      }));
    }
  }).join();
}

TEST_F(WakeUpsTest, R6_TheEndOfALook) {
  const Handle handle = Register(alice_, NewProbe());
  EXPECT_TRUE(Pokes(HandleTable::waiting_reapers, [&] {
    const TransientPin pin(handle);
    EXPECT_NE(pin.object(), nullptr);
  }));
}

TEST_F(WakeUpsTest, R6_TheEndOfASubmittedCall) {
  const Handle handle = RegisterOn({}, NewProbe(), alice_, {.max_concurrency = 1});
  EXPECT_TRUE(Pokes(HandleTable::Get().reapers_awaiting_calls,
                    [&] { EXPECT_TRUE(Registry::Invoke(handle, {}).status.ok()); }));
}

}  // namespace
}  // namespace belay::registry
