#include "tests/bench/child.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>

namespace belay::bench {
namespace {

[[noreturn]] void Give(const std::string& up, const char* why) {
  std::fprintf(stderr, "bench: %s: %s\n", up.c_str(), why);
  std::exit(2);
}

}  // namespace

Child::Child(const std::vector<std::string>& command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) Give("pipe2", std::strerror(errno));
  if (access(command[0].c_str(), X_OK) != 0) Give("cannot run " + command[0], std::strerror(errno));
  std::vector<std::string> words{"/usr/bin/setpriv", "--pdeathsig", "KILL", "--"};
  words.insert(words.end(), command.begin(), command.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  const int error = posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (error != 0) Give("cannot run " + words[0], std::strerror(error));
  output_.reset(fdopen(ends[0], "r"));
}

std::string Child::ReadLine() {
  std::string line;
  for (int byte; (byte = std::fgetc(output_.get())) != '\n';) {
    if (byte == EOF) Give("process " + std::to_string(pid_), "it ended before it said anything");
    line += static_cast<char>(byte);
  }
  return line;
}

void Child::Kill() {
  if (pid_ == 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

}  // namespace belay::bench
