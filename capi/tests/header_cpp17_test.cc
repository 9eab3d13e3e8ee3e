// belay.h is C++17 too.
#include <belay/belay.h>

#include <type_traits>

static_assert(std::is_standard_layout_v<belay_call> && std::is_trivial_v<belay_call>);
static_assert(sizeof(belay_handle) == 8 && sizeof(belay_status) == 4);

int main() {
  belay_call call = BELAY_CALL_INIT;
  return belay_invoke(0, &call) == BELAY_MALFORMED ? 0 : 1;
}
