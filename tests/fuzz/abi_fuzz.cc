// Sequences of calls of the C ABI, with brokers that have no store.
#include "tests/fuzz/world.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  belay::fuzz::World({data, size}, {}).Run();
  return 0;
}
