// libcaller.so. Nothing else of it is visible outside, or the loader would give it the program's own copies.
#include "tests/bench/invoke_against_shim.h"

namespace belay::bench {

GuardCost InvokeAgainstShimFromLibrary() { return InvokeAgainstShim(); }

}  // namespace belay::bench
