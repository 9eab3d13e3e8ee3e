// A program that works on a store until it is killed, and what it says.
//
// Thread safety: one thread, but for Signal().
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "broker/base/unique_fd.h"

namespace belay::storage {

class WriterProcess {
 public:
  // `program`: its path from the workspace.
  WriterProcess(const std::string& program, const std::string& store_path) {
    int pipe_fds[2];
    if (::pipe2(pipe_fds, O_CLOEXEC) != 0) std::abort();
    const base::UniqueFd write_end(pipe_fds[1]);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(write_end.get(), STDOUT_FILENO);
      ::execl(program.c_str(), program.c_str(), store_path.c_str(), nullptr);
      ::_exit(127);
    }
    output_ = ::fdopen(pipe_fds[0], "r");
  }
  ~WriterProcess() {
    Kill();
    std::fclose(output_);
  }
  WriterProcess(const WriterProcess&) = delete;
  WriterProcess& operator=(const WriterProcess&) = delete;

  // False at the end. A line cut short by the kill was never acknowledged to anyone.
  bool ReadLine(std::string* line) {
    line->clear();
    for (int c = 0; (c = std::fgetc(output_)) != EOF;) {
      if (c == '\n') return true;
      line->push_back(static_cast<char>(c));
    }
    return false;
  }

  // Ends it; Kill() or the end of this object collects it.
  void Signal() const {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
  }
  void Kill() {
    if (pid_ <= 0) return;
    Signal();
    Wait();
  }

  int Wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_ = -1;
  std::FILE* output_ = nullptr;
};

}  // namespace belay::storage
