// How much memory a process has, as the kernel counts it.
//
// Thread safety: all functions may be called from any thread; other threads' allocations count too.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace belay::bench {

// Pages in memory plus pages that were swapped out of it, of whatever kind. Ends this process with status 2 if
// the kernel does not tell that of `process`.
std::uint64_t ProcessBytes(pid_t process);

// The most pages of this process that were ever in memory at one time.
std::uint64_t PeakProcessBytes();

// The bytes that a line "NAME:   123 kB" of `text` tells; none without such a line.
std::optional<std::uint64_t> KernelField(std::string_view text, std::string_view name);

}  // namespace belay::bench
