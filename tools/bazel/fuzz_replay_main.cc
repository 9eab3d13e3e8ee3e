// Runs a fuzz entry point over its seed corpus and a few thousand generated
// inputs, so that every fuzz target is also a plain test under any compiler.
// The generator's seed is fixed: the same binary always runs the same inputs.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr int kGeneratedInputs = 2000;
constexpr std::uint32_t kMaxInputBytes = 256;

bool RunFile(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "cannot read seed input %s\n", path);
    return false;
  }
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
  const std::vector<std::uint8_t> input(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(input.data(), input.size());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (!RunFile(argv[i])) return 1;
  }
  std::mt19937 rng(1);
  for (int i = 0; i < kGeneratedInputs; ++i) {
    std::vector<std::uint8_t> input(rng() % kMaxInputBytes);
    for (auto& byte : input) byte = static_cast<std::uint8_t>(rng());
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%d seed inputs, %d generated\n", argc - 1, kGeneratedInputs);
  return 0;
}
