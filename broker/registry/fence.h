// The asymmetric fence under the hazard pin.
//
// A call publishes its hazard and then reads the slot's key; a retiring thread writes the key and then
// reads the hazards. One of the two must see the other (Dekker), which takes a full fence on both sides,
// or, since calls are many and retirements few, nothing but a compiler barrier on the side of the calls
// and on the other side one membarrier(2), which makes every running thread of the process execute a
// full fence at a point between two of its instructions.
//
// Where the kernel refuses membarrier (old kernels, some sandboxes), calls use sequentially consistent
// operations instead; ThreadRecord::portable says so to each thread.
//
// Thread safety: all functions may be called from any thread.
#pragma once

#include <atomic>

namespace belay::registry {

enum class FenceMode { kMembarrier, kPortable };

// Registers the process for membarrier; kPortable if the kernel refuses, or if the environment variable
// BELAY_FENCE is "portable".
FenceMode InitFence();

// The retiring side. Everything written before it is seen by every call that begins after it, and the
// hazard of every call that began before it is seen after it.
void HeavyFence(FenceMode mode);

// The calling side: keeps the compiler from moving the read of the key above the write of the hazard.
inline void LightFence() { std::atomic_signal_fence(std::memory_order_seq_cst); }

}  // namespace belay::registry
