// RunJournal: how often each numbered call has run, in a file that outlives the process that ran them.
//
// The file is mapped and shared: what a process has written is the kernel's, and is there after a SIGKILL (not
// after a power cut, which no test here makes).
//
// Invariants
//   - A run counts from the moment at which NoteRun() has returned, whatever becomes of the process.
//
// Thread safety: every method may be called from any thread, of any process.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>

#include "broker/base/unique_fd.h"

namespace belay::testing {

class RunJournal {
 public:
  // Of calls with numbers below `calls`. The file is made if it is not there. Throws std::system_error.
  RunJournal(const std::string& path, std::size_t calls) : calls_(calls) {
    const base::UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (file.get() < 0 || ::ftruncate(file.get(), static_cast<off_t>(calls)) != 0) Throw(path);
    void* const mapped = ::mmap(nullptr, calls, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (mapped == MAP_FAILED) Throw(path);
    runs_ = static_cast<std::uint8_t*>(mapped);
  }
  RunJournal(const RunJournal&) = delete;
  RunJournal& operator=(const RunJournal&) = delete;
  ~RunJournal() { ::munmap(runs_, calls_); }

  // REQUIRES: call < calls
  void NoteRun(std::size_t call) {
    std::atomic_ref(runs_[call])
        .fetch_add(1, std::memory_order_relaxed);  // a count, ordering nothing
  }
  unsigned Runs(std::size_t call) const {
    return std::atomic_ref(runs_[call]).load(std::memory_order_relaxed);
  }

 private:
  [[noreturn]] static void Throw(const std::string& path) {
    throw std::system_error(errno, std::generic_category(), path);
  }

  const std::size_t calls_;
  std::uint8_t* runs_ = nullptr;
};

}  // namespace belay::testing
