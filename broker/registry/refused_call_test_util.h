// A kernel that refuses one system call, as a sandbox, an old kernel or an exhausted limit does.
//
// It is a seccomp filter of the calling thread. It stays until the thread ends, and threads that this one starts
// inherit it: so a test refuses on a thread of its own, or in a process of its own (a death test).
//
// Thread safety: concerns the calling thread alone.
#pragma once

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace belay::registry {

// Which calls are refused: those of that number; with a length, only those whose second argument it is.
struct RefusedCall {
  std::uint32_t number = 0;
  std::uint32_t length_bytes = 0;
  std::uint16_t error = 0;  // an errno
};

inline void RefuseFromNowOn(const RefusedCall& refused) {
  const sock_filter any_length = BPF_JUMP(BPF_JMP | BPF_JA, 0, 0, 0);
  const sock_filter that_length = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, refused.length_bytes, 0, 1);
  // The lower half of an argument is at its start: x86-64 and AArch64 are little-endian.
  std::array<sock_filter, 6> filter{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, refused.number, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[1])),
      refused.length_bytes == 0 ? any_length : that_length,
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | refused.error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{filter.size(), filter.data()};
  ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

// As where `ulimit -u` is reached.
inline void RefuseThreadsFromNowOn() {
  RefuseFromNowOn({.number = SYS_clone, .error = EAGAIN});
  RefuseFromNowOn({.number = SYS_clone3, .error = EAGAIN});
}

}  // namespace belay::registry
