// What things were called, for records that outlive them: tombstones and events.
//
// A record has no room for text and must not keep an object alive, so it has the number of a text. Texts are
// kept in a ring: the newest N. An object remembers the number of its own, and gets a new one when the
// old is about to be overwritten, so one that has lived for long costs nothing and is never nameless.
//
// Invariant: the text of a number that Keep() returned stays for the next capacity/2 texts at least.
//
// Thread safety: Keep() and Add() are serialized by their caller (the registry's mutex); Find() may be
// called from any thread. `mutex_` is a leaf, taken only for new texts and to read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace belay::registry {

struct Text {
  std::string name;
  std::string site;  // where it was registered; may be empty
};

class Texts {
 public:
  // REQUIRES: capacity > 1
  explicit Texts(std::size_t capacity) : capacity_(static_cast<std::uint32_t>(capacity)) {}

  // The number of the text whose owner keeps it in `*id`, at first 0. 0 if there is no memory for it.
  std::uint32_t Keep(std::uint32_t* id, std::string_view name, std::string_view site) noexcept {
    // Numbers wrap after 2^32 texts: they are compared by how far apart they are.
    if (*id != 0 && next_ - *id <= capacity_ / 2) [[likely]]
      return *id;
    return *id = Add(name, site);
  }
  std::uint32_t Add(std::string_view name, std::string_view site) noexcept;
  // Empty for 0, and for what is no longer kept.
  Text Find(std::uint32_t id) const;

 private:
  const std::uint32_t capacity_;
  std::uint32_t next_ = 1;  // written under mutex_, by who alone may read it without

  mutable std::mutex mutex_;
  std::vector<Text> ring_;  // grows as needed, up to capacity_; text `id` is at id % capacity_
};

}  // namespace belay::registry
