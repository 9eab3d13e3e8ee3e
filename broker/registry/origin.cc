#include "broker/registry/origin.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace belay::registry {
namespace {

constexpr std::size_t kLeastSweep = 1024;

std::size_t Mix(std::size_t hash, std::size_t more) noexcept {
  // As boost::hash_combine does, for want of a standard one.
  return hash ^ (more + 0x9e3779b97f4a7c15U + (hash << 6U) + (hash >> 2U));
}

}  // namespace

bool Origins::View::operator==(const View& other) const noexcept {
  return target.function == other.target.function && target.adapter == other.target.adapter &&
         target.typed == other.target.typed && target.start == other.target.start &&
         release == other.release && label == other.label && site == other.site &&
         target.signature == other.target.signature;
}

std::size_t Origins::Hash(const View& view) noexcept {
  const std::hash<std::string_view> text;
  // Function pointers of one type compare and hash as their addresses.
  std::size_t hash = reinterpret_cast<std::size_t>(view.target.function) ^
                     reinterpret_cast<std::size_t>(view.target.typed) ^
                     reinterpret_cast<std::size_t>(view.target.start);
  hash = Mix(hash, reinterpret_cast<std::size_t>(view.release));
  hash = Mix(hash, text(view.label));
  return Mix(hash, text(view.site));
}

OriginRef Origins::Get(const View& wanted) {
  if (last_.get() != nullptr && ViewOf(*last_) == wanted) return OriginRef(*last_);
  const std::size_t hash = Hash(wanted);
  const auto found = origins_.find(Wanted{hash, wanted});
  if (found != origins_.end()) {
    last_ = OriginRef(*found->origin);
    return OriginRef(*last_);
  }
  if (origins_.size() >= sweep_at_) ThrowAwayUnused();
  auto made = std::make_unique<Origin>();
  made->target = wanted.target;
  made->release = wanted.release;
  made->label = wanted.label;
  made->site = wanted.site;
  return OriginRef(*origins_.insert(Entry{hash, std::move(made)}).first->origin);
}

void Origins::ThrowAwayUnused() {
  std::erase_if(origins_, [](const Entry& entry) {
    return entry.origin->references.load(std::memory_order_acquire) == 0;
  });
  sweep_at_ = std::max(kLeastSweep, 2 * origins_.size());
}

}  // namespace belay::registry
