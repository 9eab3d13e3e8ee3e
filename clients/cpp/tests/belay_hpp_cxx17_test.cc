// belay.hpp as C++17, twice in one unit, against the shared library.
#include "belay/belay.hpp"
#include "belay/belay.hpp"  // NOLINT: twice by intent

#if __cplusplus >= 202002L
#error "this is to be compiled as C++17"
#endif

int main() {
  belay::Result<belay::Broker> broker = belay::Broker::Open();
  if (!broker.ok()) return 1;
  auto twice =
      broker->RegisterTyped<std::int64_t(std::int64_t)>([](std::int64_t x) { return 2 * x; });
  if (!twice.ok()) return 2;
  auto pin = twice->Pin<std::int64_t(std::int64_t)>();
  if (!pin.ok() || (*pin)(21) != 42) return 3;
  auto echo = broker->Register([](std::string_view text) { return std::string(text); });
  if (!echo.ok() || *echo->Invoke("x") != "x") return 4;
  return 0;
}
