#include "tests/bench/store/entries.h"

#include <algorithm>
#include <random>

namespace belay::bench {

using namespace std::string_view_literals;

std::vector<Key> KeysInOrder(std::size_t count) {
  std::vector<Key> keys(count);
  for (std::size_t number = 0; number < count; ++number) {
    Key& key = keys[number];
    key.fill('0');
    std::ranges::copy("key"sv, key.begin());
    const std::string digits = std::to_string(number);
    std::ranges::copy_backward(digits, key.end());
  }
  return keys;
}

std::vector<Key> KeysInNoOrder(std::size_t count) {
  std::vector<Key> keys = KeysInOrder(count);
  std::ranges::shuffle(keys, std::mt19937_64());
  return keys;
}

Values::Values(std::size_t size_bytes) : size_bytes_(size_bytes), noise_(1 << 20, '\0') {
  std::mt19937_64 random;
  for (char& byte : noise_) byte = static_cast<char>(random());
}

void Fill(Engine& engine, std::span<const Key> keys, const Values& values) {
  constexpr std::size_t kBatch = 1000;
  const std::unique_ptr<Session> session = engine.NewSession();
  Cycle next(keys, values, keys.size() - 1);
  std::vector<Entry> batch;
  for (std::size_t left = keys.size(); left > 0; left -= batch.size()) {
    batch.resize(std::min(left, kBatch));
    std::ranges::generate(batch, [&next] { return next.Next(); });
    session->PutAll(batch);
  }
}

}  // namespace belay::bench
