#include "tests/bench/process_memory.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace belay::bench {
namespace {

std::uint64_t FieldOf(const std::string& file, const std::string& text, const char* name) {
  const auto bytes = KernelField(text, name);
  if (!bytes) {
    std::fprintf(stderr, "bench: %s does not tell %s: this cannot be measured\n", file.c_str(),
                 name);
    std::exit(2);
  }
  return *bytes;
}

std::string Contents(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

std::optional<std::uint64_t> KernelField(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with(name) || line.substr(name.size(), 1) != ":") continue;
    line.remove_prefix(name.size() + 1);
    line.remove_prefix(std::min(line.size(), line.find_first_not_of(" \t")));
    std::uint64_t kib = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), kib);
    if (error != std::errc() || std::string_view(end, line.data() + line.size()) != " kB")
      return {};
    return kib * 1024;
  }
  return {};
}

std::uint64_t ProcessBytes(pid_t process) {
  const std::string file = "/proc/" + std::to_string(process) + "/smaps_rollup";
  const std::string text = Contents(file);
  return FieldOf(file, text, "Rss") + FieldOf(file, text, "Swap");
}

std::uint64_t PeakProcessBytes() {
  constexpr const char* kFile = "/proc/self/status";
  return FieldOf(kFile, Contents(kFile), "VmHWM");
}

}  // namespace belay::bench
