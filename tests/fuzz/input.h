// The fuzzer's bytes, read from the front as small choices. Past the end everything reads as 0, so every input
// is a program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace belay::fuzz {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}

  bool empty() const noexcept { return left_ == 0; }

  std::uint8_t Byte() noexcept {
    if (left_ == 0) return 0;
    --left_;
    return *data_++;
  }
  // A number below `limit`, which is at most 256.
  std::size_t Below(std::size_t limit) noexcept { return Byte() % limit; }
  // True once in `limit` times or so; false at the end of the input.
  bool OneIn(std::size_t limit) noexcept { return Below(limit) == limit - 1; }
  std::uint64_t Word() noexcept {
    std::uint64_t word = 0;
    for (int i = 0; i < 8; ++i) word = word << 8U | Byte();
    return word;
  }
  // Up to 31 bytes of the input, and now and then a long text that costs two bytes only.
  std::string Bytes() {
    static constexpr std::size_t kLengths[] = {254, 255, 256, 1000, 70'000};
    const std::size_t choice = Byte();
    if (choice >= 250) return std::string(kLengths[choice % 5], static_cast<char>(Byte()));
    std::string bytes;
    for (std::size_t i = choice % 32; i > 0 && !empty(); --i)
      bytes.push_back(static_cast<char>(Byte()));
    return bytes;
  }

 private:
  const std::uint8_t* data_;
  std::size_t left_;
};

}  // namespace belay::fuzz
