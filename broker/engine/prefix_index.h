// Finds those who want a key among many who each want a prefix, at a cost that depends on how many
// different lengths the prefixes have and not on how many there are.
//
// Thread safety: none; the owner guards it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/storage/store.h"

namespace belay::engine {

template <typename T>
class PrefixIndex {
 public:
  void Add(const std::string& prefix, T wanter) {
    auto& wanters = by_prefix_[prefix];
    if (wanters.empty()) ++lengths_[prefix.size()];
    wanters.push_back(wanter);
    range_is_known_ = false;
  }

  // Does nothing if `wanter` is not there.
  void Remove(const std::string& prefix, T wanter) {
    const auto found = by_prefix_.find(prefix);
    if (found == by_prefix_.end()) return;
    std::erase(found->second, wanter);
    if (!found->second.empty()) return;
    by_prefix_.erase(found);
    const auto length = lengths_.find(prefix.size());
    if (--length->second == 0) lengths_.erase(length);
    range_is_known_ = false;
  }

  bool empty() const noexcept { return by_prefix_.empty(); }

  // REQUIRES: fn changes nothing here.
  template <typename Fn>
  void ForEachMatch(std::string_view key, Fn fn) const {
    for (const auto& [length, count] : lengths_) {
      if (length > key.size()) return;
      const auto found = by_prefix_.find(key.substr(0, length));
      if (found == by_prefix_.end()) continue;
      for (const T& wanter : found->second) fn(wanter);
    }
  }

  // The least range of keys, [start, end), that has every prefix in it; empty `end`: no upper bound.
  struct Range {
    std::string start;
    std::string end;
  };
  const Range& range() {
    if (!range_is_known_) FindRange();
    return range_;
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>()(text);
    }
  };

  void FindRange() {
    range_ = {};
    bool first = true;
    bool bounded = true;
    for (const auto& [prefix, wanters] : by_prefix_) {
      range_.start = first ? prefix : std::min(range_.start, prefix);
      std::string end = storage::PrefixEnd(prefix);
      bounded = bounded && !end.empty();
      range_.end = std::max(range_.end, std::move(end));
      first = false;
    }
    if (!bounded) range_.end.clear();
    range_is_known_ = true;
  }

  std::unordered_map<std::string, std::vector<T>, Hash, std::equal_to<>> by_prefix_;
  std::map<std::size_t, std::size_t> lengths_;  // length -> prefixes that have it
  Range range_;
  bool range_is_known_ = true;
};

}  // namespace belay::engine
