// What every exported function does around its work: nothing thrown leaves, errno stays, failures
// are remembered for belay_last_error.
//
// Thread safety: everything here belongs to the calling thread.
#pragma once

#include <cxxabi.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "belay/belay.h"
#include "broker/base/status.h"

namespace belay::capi {

// Remembers why the calling thread's call failed, and returns the code.
belay_status Fail(const base::Status& status) noexcept;
belay_status Fail(base::Code code, std::string_view message, std::string_view reason = {}) noexcept;
inline belay_status InvalidArgument(std::string_view message) noexcept {
  return Fail(base::Code::kInvalidArgument, message);
}
// BELAY_OK, or as Fail().
inline belay_status Done(const base::Status& status) noexcept {
  return status.ok() ? BELAY_OK : Fail(status);
}

class KeepErrno {
 public:
  KeepErrno() = default;
  KeepErrno(const KeepErrno&) = delete;
  KeepErrno& operator=(const KeepErrno&) = delete;
  ~KeepErrno() { errno = saved_; }

 private:
  const int saved_ = errno;
};

// Runs `work`, which returns a belay_status.
template <typename Work>
belay_status Guarded(Work work) {
  const KeepErrno keep_errno;
  try {
    return work();
  } catch (abi::__forced_unwind&) {
    throw;  // the thread is being ended (pthread_exit, cancellation): not ours to stop
  } catch (const std::bad_alloc&) {
    return Fail(base::Code::kResourceExhausted, "out of memory", "OUT_OF_MEMORY");
  } catch (const std::exception& error) {
    return Fail(base::Code::kInternal, error.what());
  }
}

// Copies as much of a caller's struct as both sides know; the rest is zero (I5). False if `given`
// is null or smaller than `least` bytes. Every size that a struct ever had is a multiple of 8, as
// is the end of every pointer: one that is none is no compiler's, and must not yield half a pointer.
template <typename T>
bool Load(const T* given, std::size_t least, T* loaded) noexcept {
  if (given == nullptr || given->struct_size < least) return false;
  static_assert(sizeof(T) % 8 == 0);
  *loaded = T{};
  std::memcpy(loaded, given, std::min<std::size_t>(given->struct_size & ~7U, sizeof(T)));
  return true;
}

// Fills as much of a caller's struct as both sides know, keeping its struct_size.
template <typename T>
void Store(const T& value, void* given, std::uint32_t struct_size) noexcept {
  T sized = value;
  sized.struct_size = struct_size;
  std::memcpy(given, &sized, std::min<std::size_t>(struct_size, sizeof(T)));
}

// Copies text into a field of a caller's struct, cut short if it must be, and always ended.
template <std::size_t kSize>
void CopyText(std::string_view text, char (&target)[kSize]) noexcept {
  const std::size_t length = std::min(text.size(), kSize - 1);
  std::memcpy(target, text.data(), length);
  target[length] = '\0';
}

// Bytes a caller points to. False if there is a size without a pointer, or one beyond any memory.
inline bool View(const void* data, std::uint64_t size, std::string_view* view) noexcept {
  if (size > static_cast<std::uint64_t>(PTRDIFF_MAX) || (data == nullptr && size != 0))
    return false;
  *view = data == nullptr
              ? std::string_view()
              : std::string_view(static_cast<const char*>(data), static_cast<std::size_t>(size));
  return true;
}

// Milliseconds of the ABI in nanoseconds, a huge value being "for ever".
inline std::int64_t Nanoseconds(std::uint64_t milliseconds) noexcept {
  constexpr std::uint64_t kMost = INT64_MAX / 1'000'000;
  return static_cast<std::int64_t>(std::min(milliseconds, kMost) * 1'000'000);
}

}  // namespace belay::capi
