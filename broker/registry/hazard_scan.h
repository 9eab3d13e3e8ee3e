// What a scan of all threads' hazards found: the slots and objects that may be in use.
//
// Thread safety: none: a scan belongs to the thread that made it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace belay::registry {

class HazardScan {
 public:
  // As many hazards at one moment need no memory.
  static constexpr std::size_t kReserved = 1024;

  HazardScan() {
    slots_.reserve(kReserved);
    objects_.reserve(kReserved);
  }

  bool HasSlot(std::uint32_t slot) const noexcept { return Has(slots_, slot); }
  // True only for hazards of calls: the library's own operations use nothing of a callback's context.
  bool HasObject(std::uint32_t object) const noexcept { return Has(objects_, object); }

 private:
  friend class HandleTable;

  bool Has(const std::vector<std::uint32_t>& sorted, std::uint32_t number) const noexcept {
    return incomplete_ || std::binary_search(sorted.begin(), sorted.end(), number);
  }
  void Begin() noexcept {
    slots_.clear();
    objects_.clear();
    incomplete_ = false;
  }
  void Add(std::vector<std::uint32_t>& numbers, std::uint32_t number) noexcept {
    try {
      numbers.push_back(number);
    } catch (...) {
      incomplete_ = true;  // no memory: everything counts as in use until a later scan
    }
  }
  void End() noexcept {
    std::sort(slots_.begin(), slots_.end());
    std::sort(objects_.begin(), objects_.end());
  }

  std::vector<std::uint32_t> slots_;
  std::vector<std::uint32_t> objects_;
  bool incomplete_ = false;
};

}  // namespace belay::registry
