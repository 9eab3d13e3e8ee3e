#include "tests/bench/process.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <thread>

namespace belay::bench {

std::string ThisProgram() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

int RunProgram(const std::vector<std::string>& command) {
  std::vector<std::string> words = command;
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int error = posix_spawn(&child, arguments[0], nullptr, nullptr, arguments.data(), environ);
  int status = 0;
  if (error != 0 || waitpid(child, &status, 0) != child) {
    std::fprintf(stderr, "bench: cannot run %s: %s\n", arguments[0],
                 std::strerror(error != 0 ? error : errno));
    std::exit(2);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

double ProcessorNs(pid_t process) {
  clockid_t clock = 0;
  timespec used{};
  const int error = clock_getcpuclockid(process, &clock);
  if (error != 0 || clock_gettime(clock, &used) != 0) {
    std::fprintf(stderr, "bench: processor time of process %d: %s\n", process,
                 std::strerror(error != 0 ? error : errno));
    std::exit(2);
  }
  return static_cast<double>(used.tv_sec) * 1e9 + static_cast<double>(used.tv_nsec);
}

void WaitUntilAtRest(pid_t process) {
  constexpr std::chrono::milliseconds kLook(300);
  constexpr double kNextToNothingNs = 300e6 / 50;
  for (double before_ns = ProcessorNs(process);; before_ns = ProcessorNs(process)) {
    std::this_thread::sleep_for(kLook);
    if (ProcessorNs(process) - before_ns < kNextToNothingNs) return;
  }
}

}  // namespace belay::bench
