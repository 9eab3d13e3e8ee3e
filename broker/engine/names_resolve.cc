// Asking for names.
#include <algorithm>
#include <utility>

#include "broker/engine/hooks.h"
#include "broker/engine/names.h"

namespace belay::engine {
namespace {

using base::Code;
using base::Result;
using base::Status;
using registry::Handle;
using registry::Kind;
using registry::Registry;

// It lives, and yet refuses for now: another member is the better choice.
bool IsResting(Handle handle) {
  const Code code = Registry::Refusal(handle).code();
  return code == Code::kQuarantined || code == Code::kSuspended;
}

std::uint64_t InFlight(Handle handle) {
  const auto info = Registry::Describe(handle);
  return info.ok() ? info->in_flight : UINT64_MAX;
}

}  // namespace

Result<Handle> Names::Choose(std::string_view name, std::span<const Handle> passed_over) {
  if (Status status = CheckName(name); !status.ok()) return status;
  const auto bound = FindLive(name);
  if (bound == by_name_.end()) return NameNotBound(name);
  Binding& binding = bound->second;
  if (binding.policy == NamePolicy::kBroadcast) {
    return Status(Code::kFailedPrecondition,
                  "the name \"" + bound->first + "\" is for broadcast: it stands for all its " +
                      "members, not for one; resolve all of them",
                  "BROADCAST");
  }
  if (binding.members.size() == 1 && passed_over.empty()) return binding.members.front().handle;
  const auto is_passed_over = [&](const Member& member) {
    return std::ranges::find(passed_over, member.handle) != passed_over.end();
  };
  std::vector<Handle> candidates;
  for (const Member& member : binding.members) {
    if (!is_passed_over(member) && !IsResting(member.handle)) candidates.push_back(member.handle);
  }
  if (candidates.empty() && !passed_over.empty()) {
    return Status(Code::kNotFound, "the name \"" + bound->first + "\" has no other member",
                  "NO_OTHER_MEMBER");
  }
  // All of them rest: whichever is chosen tells its caller why it refuses.
  if (candidates.empty()) return binding.members.front().handle;
  return candidates[ChooseMember(binding.policy, candidates.size(), binding.turn, random_,
                                 [&](std::size_t i) { return InFlight(candidates[i]); })];
}

Result<Handle> Names::Resolve(std::string_view name, std::span<const Handle> passed_over) {
  const Locked lock(*this);
  return Choose(name, passed_over);
}

Result<Handle> Names::ResolveTo(std::string_view name, Handle holder) {
  const Locked lock(*this);
  const auto chosen = Choose(name);
  if (!chosen.ok()) return chosen;
  return Registry::Retain(*chosen, holder, 0);
}

Status Names::ResolveAllTo(std::string_view name, Handle holder, std::span<Handle> handles,
                           std::size_t* count) {
  if (Status status = CheckName(name); !status.ok()) return status;
  const Locked lock(*this);
  const auto bound = FindLive(name);
  if (bound == by_name_.end()) return NameNotBound(name);
  const std::vector<Member>& members = bound->second.members;
  *count = members.size();
  if (members.size() > handles.size()) {
    return Status(Code::kBufferTooSmall,
                  "the name \"" + bound->first + "\" has " + std::to_string(members.size()) +
                      " members, and there is room for " + std::to_string(handles.size()));
  }
  std::size_t retained = 0;
  for (const Member& member : members) {
    const auto handle = Registry::Retain(member.handle, holder, 0);
    if (handle.ok()) {
      handles[retained++] = *handle;
    } else if (!IsRefusedForGood(Registry::Refusal(member.handle))) {
      for (const Handle undone : handles.first(retained)) (void)Registry::Release(undone);
      return handle.status();
    }
  }
  *count = retained;
  return {};
}

std::vector<NameEntry> Names::List(std::string_view after_name, std::uint64_t after_bound_version,
                                   std::size_t limit) {
  std::vector<NameEntry> entries;
  const Locked lock(*this);
  auto next = by_name_.lower_bound(after_name);
  while (next != by_name_.end() && entries.size() < limit) {
    const auto bound = next++;
    if (!DropDead(bound)) continue;
    const auto& [name, binding] = *bound;
    for (const Member& member : binding.members) {
      if (name == after_name && member.bound_version <= after_bound_version) continue;
      if (entries.size() == limit) break;
      entries.push_back({name, binding.policy, binding.version, member.bound_version, member.handle,
                         binding.members.size()});
    }
  }
  return entries;
}

std::string Names::NameOf(Handle callback) {
  auto object = Registry::Find(callback, Kind::kCallback);
  if (!object.ok()) return {};
  const Locked lock(*this);
  const auto names = by_callback_.find(object->get());
  if (names == by_callback_.end() || names->second.empty()) return {};
  return *names->second.begin();
}

}  // namespace belay::engine
