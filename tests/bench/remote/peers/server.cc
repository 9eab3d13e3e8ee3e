#include "tests/bench/remote/peers/server.h"

#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/bench/remote/echo.h"
#include "tests/bench/timing.h"

namespace belay::bench {

std::string ServerProgram(std::string_view name) {
  for (const char* folder : {"/usr/bin/", "/usr/sbin/"}) {
    std::string path = std::string(folder).append(name);
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  GiveUp(name, "not installed: run tools/deps --servers");
}

void WaitUntilUp(std::string_view server, const std::function<bool()>& is_up) {
  constexpr std::chrono::seconds kLongest(10);
  constexpr std::chrono::milliseconds kLook(10);
  for (const auto end = SteadyClock::now() + kLongest; !is_up();) {
    if (SteadyClock::now() > end) GiveUp(server, "it does not come up");
    std::this_thread::sleep_for(kLook);
  }
}

}  // namespace belay::bench
