// Belayd: a belayd of the test's own, on a socket in a short folder; and other child processes.
//
// Thread safety: none; the test's main thread.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "belay/client/unary.h"

extern char** environ;

namespace belay::testing {

// A child process whose standard input stays open; killed when this goes.
class Child {
 public:
  explicit Child(std::vector<std::string> command) {
    std::vector<char*> arguments;
    for (std::string& argument : command) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    int input[2] = {-1, -1};
    if (pipe2(input, O_CLOEXEC) != 0) return;
    input_ = input[1];
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
    if (posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ) != 0)
      pid_ = -1;
    posix_spawn_file_actions_destroy(&actions);
    close(input[0]);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    (void)End(SIGKILL);
    if (input_ >= 0) close(input_);
  }

  bool is_running() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  void Signal(int signal) const {
    if (pid_ > 0) kill(pid_, signal);
  }
  // Sends `signal`, waits for the end; the exit code, or 128 + the signal that ended it.
  int End(int signal) {
    if (pid_ <= 0) return -1;
    kill(pid_, signal);
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
  int input_ = -1;
};

class Belayd {
 public:
  // `flags`: beside where it listens and keeps its data.
  explicit Belayd(const std::string& binary, std::vector<std::string> flags = {})
      : binary_(binary), flags_(std::move(flags)) {
    char path[] = "/tmp/belay-it-XXXXXX";
    folder_ = mkdtemp(path);
    target_ = "unix:" + folder_ + "/s";
    Start();
  }
  ~Belayd() {
    if (child_ != nullptr) (void)child_->End(SIGTERM);
    std::filesystem::remove_all(folder_);
  }

  void Start() {
    std::vector<std::string> command = {binary_, "--listen", target_, "--data", folder_ + "/data"};
    command.insert(command.end(), flags_.begin(), flags_.end());
    child_ = std::make_unique<Child>(std::move(command));
    client::UnaryClient client(target_, 1000);
    for (int i = 0; i < 500; ++i) {
      client::Health health = client::Health::kUnknown;
      if (client.CheckHealth("", &health).ok() && health == client::Health::kServing) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      client = client::UnaryClient(target_, 1000);  // without gRPC's backoff
    }
  }
  int End(int signal) { return child_->End(signal); }
  const std::string& target() const { return target_; }
  // Goes with this.
  const std::string& folder() const { return folder_; }
  pid_t pid() const { return child_->pid(); }

 private:
  const std::string binary_;
  const std::vector<std::string> flags_;
  std::string folder_;
  std::string target_;
  std::unique_ptr<Child> child_;
};

}  // namespace belay::testing
