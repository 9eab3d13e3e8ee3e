// A program that runs beside this one, and can be killed.
//
// Invariants
//   - It does not outlive the Child, nor this process, however that ends.
//
// Thread safety: one thread at a time.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace belay::bench {

class Child {
 public:
  // Starts the program at path command[0] with this process's environment, and reads its output. Ends this
  // process with status 2 if there is no such program. REQUIRES: the calling thread lives as long as this.
  explicit Child(const std::vector<std::string>& command);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { Kill(); }

  // The next line of its output, without the newline. Ends this process with status 2 if it ends before.
  std::string ReadLine();

  // 0: it is gone.
  pid_t pid() const { return pid_; }

  // SIGKILL. It is gone when this returns, its locks with it. Idempotent.
  void Kill();

 private:
  pid_t pid_ = 0;  // 0: gone
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> output_{nullptr, std::fclose};
};

}  // namespace belay::bench
