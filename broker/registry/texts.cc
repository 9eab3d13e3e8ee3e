#include "broker/registry/texts.h"

#include <new>

namespace belay::registry {

std::uint32_t Texts::Add(std::string_view name, std::string_view site) noexcept {
  const std::lock_guard lock(mutex_);
  const std::uint32_t place = next_ % capacity_;
  try {
    if (place >= ring_.size()) ring_.resize(place + 1);
    ring_[place].name = name;
    ring_[place].site = site;
  } catch (const std::bad_alloc&) {
    return 0;  // whoever asks will not be told the name; the record itself is kept
  }
  const std::uint32_t id = next_++;
  if (next_ == 0) next_ = 1;  // 0 is none
  return id;
}

Text Texts::Find(std::uint32_t id) const {
  const std::lock_guard lock(mutex_);
  // How many have come since.
  const std::uint32_t newer = next_ - 1 - id;
  if (id == 0 || newer >= capacity_) return {};
  return ring_[id % capacity_];
}

}  // namespace belay::registry
