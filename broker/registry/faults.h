// Deliberate faults, for proving that the tests would notice them.
//
// Ordinary builds have none. The test-only targets registry_fault_* compile this package with
// BELAY_FAULT set to one of the numbers below; tests/model/broken_variants_test.sh and
// tests/model/programs expect them to be caught.
#pragma once

#ifndef BELAY_FAULT
#define BELAY_FAULT 0
#endif

namespace belay::registry {

inline constexpr bool kFaultNoFence = BELAY_FAULT == 1;  // retire without the asymmetric fence
inline constexpr bool kFaultDoubleRelease = BELAY_FAULT == 2;  // a second release counts again
inline constexpr bool kFaultReleaseEarly =
    BELAY_FAULT == 3;  // release functions do not wait for calls
inline constexpr bool kFaultReleaseTwice = BELAY_FAULT == 4;  // release functions run twice
inline constexpr bool kFaultRetainWidens =
    BELAY_FAULT == 5;  // a retain gets all rights it asks for

}  // namespace belay::registry
