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

void WaitUntilAtRest() {
  constexpr std::chrono::milliseconds kLook(300);
  const auto used = [] {
    timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return std::chrono::seconds(cpu.tv_sec) + std::chrono::nanoseconds(cpu.tv_nsec);
  };
  for (auto before = used();; before = used()) {
    std::this_thread::sleep_for(kLook);
    if (used() - before < kLook / 50) return;
  }
}

}  // namespace belay::bench
