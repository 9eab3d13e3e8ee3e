// Telling those who watch names.
#include <utility>

#include "broker/engine/names.h"

namespace belay::engine {

using base::Result;
using base::Status;
using registry::Registry;

// Whoever changed something tells of it once nothing is locked any more (R8).
Names::Locked::~Locked() {
  while (const std::shared_ptr<NameWatch> watch = names_.TakeListed()) {
    lock_.unlock();
    watch->changed_();
    lock_.lock();
  }
}

Result<std::shared_ptr<NameWatch>> Names::Watch(std::string_view name,
                                                std::function<void()> changed) {
  if (Status status = CheckName(name); !status.ok()) return status;
  auto watch = std::make_shared<NameWatch>(std::string(name), std::move(changed));
  const Locked lock(*this);
  watches_.emplace(watch->name(), watch);
  return watch;
}

void Names::Unwatch(const std::shared_ptr<NameWatch>& watch) {
  const Locked lock(*this);
  const auto [begin, end] = watches_.equal_range(watch->name());
  for (auto each = begin; each != end; ++each) {
    if (each->second != watch) continue;
    watches_.erase(each);
    return;
  }
}

NameState Names::Look(NameWatch& watch) {
  NameState state;
  const Locked lock(*this);
  const auto bound = FindLive(watch.name());
  if (watch.state_ == NameWatch::State::kTold) watch.state_ = NameWatch::State::kQuiet;
  if (bound == by_name_.end()) return state;
  const Binding& binding = bound->second;
  state.version = binding.version;
  state.policy = binding.policy;
  state.members = binding.members.size();
  if (const auto info = Registry::Describe(binding.members.front().handle); info.ok())
    state.owner_name = info->owner_name;
  return state;
}

void Names::NoteChange(std::string_view name) {
  if (watches_.empty()) return;
  const auto [begin, end] = watches_.equal_range(name);
  for (auto each = begin; each != end; ++each) {
    NameWatch& watch = *each->second;
    if (watch.state_ != NameWatch::State::kQuiet) continue;
    watch.state_ = NameWatch::State::kListed;
    watch.next_ = std::exchange(listed_, each->second);
  }
}

std::shared_ptr<NameWatch> Names::TakeListed() {
  if (listed_ == nullptr) return nullptr;
  const std::shared_ptr<NameWatch> watch = std::exchange(listed_, std::move(listed_->next_));
  watch->state_ = NameWatch::State::kTold;
  return watch;
}

}  // namespace belay::engine
