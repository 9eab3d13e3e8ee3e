// The test binary's operator new: it fails on demand, for one thread, and counts what is not yet deleted.
//
// Thread safety: FailNth fails allocations of the thread that made it only; the count is the process's.
#pragma once

#include <cstddef>
#include <cstdint>

namespace belay::model {

// While one lives, the n-th allocation of this thread, counted from 1, fails; all others succeed.
class FailNth {
 public:
  explicit FailNth(std::uint64_t n);
  FailNth(const FailNth&) = delete;
  FailNth& operator=(const FailNth&) = delete;
  ~FailNth();

  // True once it has failed.
  bool failed() const noexcept;
};

// While one lives, every allocation of at least so many bytes by its thread fails.
class FailLarge {
 public:
  explicit FailLarge(std::size_t size_bytes);
  FailLarge(const FailLarge&) = delete;
  FailLarge& operator=(const FailLarge&) = delete;
  ~FailLarge();
};

// How many allocations of all threads are not yet deleted.
std::int64_t LiveAllocations();

}  // namespace belay::model
