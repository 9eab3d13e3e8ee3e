// Binding and unbinding; names_resolve.cc has what asks for names, names_watch.cc what tells of them.
#include "broker/engine/names.h"

#include <algorithm>
#include <utility>

#include "broker/engine/hooks.h"

namespace belay::engine {
namespace {

using base::Code;
using base::Status;
using registry::Handle;
using registry::Kind;
using registry::Registry;

// A handle that goes unless it is kept.
class HeldHandle {
 public:
  explicit HeldHandle(Handle handle) : handle_(handle) {}
  HeldHandle(const HeldHandle&) = delete;
  HeldHandle& operator=(const HeldHandle&) = delete;
  ~HeldHandle() {
    if (handle_ != 0) (void)Registry::Release(handle_);
  }
  Handle get() const { return handle_; }
  void Keep() { handle_ = 0; }

 private:
  Handle handle_;
};

}  // namespace

Status Names::Bind(std::string_view name, Handle callback, const BindOptions& options,
                   std::uint64_t* version) {
  if (Status status = CheckName(name); !status.ok()) return status;
  std::uint32_t rights = 0;
  if (Status status = CheckMayBind(callback, &rights); !status.ok()) return status;
  auto object = Registry::Find(callback, Kind::kCallback);
  if (!object.ok()) return object.status();

  const Locked lock(*this);
  if (closed_) return Status(Code::kClosed, "the broker is closed");
  auto bound = FindLive(name);
  if (Status status = CheckConditions(name, bound, options); !status.ok()) return status;
  if (Status status = CheckConflict(bound, object->get(), options); !status.ok()) return status;
  // Whoever finds the callback by its name may not unregister it.
  auto retained =
      Registry::Retain(callback, owner_, rights & ~std::uint32_t{registry::kRightUnregister});
  if (!retained.ok()) return retained.status();

  HeldHandle held(*retained);
  if (bound == by_name_.end()) bound = by_name_.try_emplace(std::string(name)).first;
  Binding& binding = bound->second;
  std::vector<Member> members;
  if (options.on_conflict == OnConflict::kJoin) members = binding.members;
  members.push_back({held.get(), object->get(), last_version_ + 1});
  by_callback_[object->get()].insert(bound->first);
  // From here on nothing can fail.
  held.Keep();
  binding.members.swap(members);
  binding.policy = options.policy;
  binding.version = ++last_version_;
  if (options.on_conflict == OnConflict::kReplace) {
    for (const Member& replaced : members) {
      (void)Registry::Release(replaced.handle);
      if (replaced.callback != object->get()) Forget(replaced.callback, bound->first);
    }
  }
  if (version != nullptr) *version = binding.version;
  NoteChange(name);
  return {};
}

Status Names::CheckConditions(std::string_view name, ByName::iterator bound,
                              const BindOptions& options) const {
  const bool is_bound = bound != by_name_.end();
  const std::uint64_t version = is_bound ? bound->second.version : 0;
  if (options.if_version.has_value() && *options.if_version != version) {
    return Status(Code::kAborted,
                  "the name \"" + std::string(name) + "\" is at version " +
                      std::to_string(version) + ", not " + std::to_string(*options.if_version) +
                      "; look again and decide anew",
                  "NAME_CHANGED");
  }
  if (!options.if_member.has_value()) return {};
  auto wanted = Registry::Find(*options.if_member, Kind::kCallback);
  if (!wanted.ok()) return wanted.status();
  const auto is_wanted = [&](const Member& member) { return member.callback == wanted->get(); };
  if (is_bound && std::ranges::any_of(bound->second.members, is_wanted)) return {};
  return Status(
      Code::kAborted,
      "the name \"" + std::string(name) + "\" is not bound to the callback that was expected",
      "NAME_CHANGED");
}

Status Names::CheckConflict(ByName::iterator bound, const registry::Object* callback,
                            const BindOptions& options) const {
  const bool is_join = options.on_conflict == OnConflict::kJoin;
  if (is_join && options.policy == NamePolicy::kSingle) {
    return Status(Code::kInvalidArgument,
                  "to join others takes a policy for several, and single is for one",
                  "POLICY_SINGLE");
  }
  if (bound == by_name_.end() || options.on_conflict == OnConflict::kReplace) return {};
  const auto& [name, binding] = *bound;
  if (!is_join) {
    return Status(Code::kAlreadyExists, "the name \"" + name + "\" is bound to a live callback",
                  "NAME_BOUND");
  }
  if (binding.policy != options.policy) {
    return Status(Code::kFailedPrecondition,
                  "the name \"" + name + "\" is bound by the policy " +
                      std::string(NamePolicyName(binding.policy)) + ", which " +
                      std::string(NamePolicyName(options.policy)) + " cannot join",
                  "POLICY_MISMATCH");
  }
  const auto is_same = [&](const Member& member) { return member.callback == callback; };
  if (std::ranges::any_of(binding.members, is_same)) {
    return Status(Code::kAlreadyExists,
                  "the callback is a member of the name \"" + name + "\" already",
                  "ALREADY_MEMBER");
  }
  if (binding.members.size() < kMaxNameMembers) return {};
  return Status(Code::kResourceExhausted,
                "the name \"" + name + "\" has " + std::to_string(kMaxNameMembers) +
                    " members, which is the most",
                "TOO_MANY_MEMBERS");
}

Status Names::Unbind(std::string_view name) {
  if (Status status = CheckName(name); !status.ok()) return status;
  const Locked lock(*this);
  const auto bound = FindLive(name);
  if (bound == by_name_.end()) return NameNotBound(name);
  DropMembers(bound, [](const Member&) { return true; });
  return {};
}

Status Names::UnbindMember(std::string_view name, Handle callback) {
  if (Status status = CheckName(name); !status.ok()) return status;
  auto object = Registry::Find(callback, Kind::kCallback);
  if (!object.ok()) return object.status();
  const Locked lock(*this);
  const auto bound = FindLive(name);
  if (bound == by_name_.end()) return NameNotBound(name);
  const std::size_t before = bound->second.members.size();
  const auto is_it = [&](const Member& member) { return member.callback == object->get(); };
  if (std::ranges::none_of(bound->second.members, is_it)) {
    return Status(Code::kNotFound,
                  "the name \"" + std::string(name) + "\" has " + std::to_string(before) +
                      " members, but not this callback",
                  "NOT_A_MEMBER");
  }
  DropMembers(bound, is_it);
  return {};
}

void Names::UnbindVersion(std::string_view name, std::uint64_t bound_version) {
  const Locked lock(*this);
  const auto bound = by_name_.find(name);
  if (bound == by_name_.end()) return;
  DropMembers(bound, [&](const Member& member) { return member.bound_version == bound_version; });
}

void Names::UnbindCallback(Handle callback) {
  auto object = Registry::Find(callback, Kind::kCallback);
  if (!object.ok()) return;
  const Locked lock(*this);
  DropFromAll(object->get());
}

void Names::CallbacksReleased(std::span<registry::Callback* const> callbacks) {
  const Locked lock(*this);
  if (by_callback_.empty()) return;  // mostly, and there may be a million of them
  for (const registry::Callback* const callback : callbacks) DropFromAll(callback);
}

void Names::Close() {
  const Locked lock(*this);
  closed_ = true;
  while (!by_name_.empty()) DropMembers(by_name_.begin(), [](const Member&) { return true; });
}

template <typename Fn>
bool Names::DropMembers(ByName::iterator bound, Fn goes) {
  auto& [name, binding] = *bound;
  const auto dropped = std::erase_if(binding.members, [&](const Member& member) {
    if (!goes(member)) return false;
    (void)Registry::Release(member.handle);
    Forget(member.callback, name);
    return true;
  });
  if (dropped > 0) {
    binding.version = ++last_version_;
    NoteChange(name);
  }
  if (!binding.members.empty()) return true;
  by_name_.erase(bound);
  return false;
}

void Names::DropFromAll(const registry::Object* callback) {
  const auto names = by_callback_.extract(callback);
  if (names.empty()) return;
  for (const std::string& name : names.mapped()) {
    const auto bound = by_name_.find(name);
    if (bound == by_name_.end()) continue;
    DropMembers(bound, [&](const Member& member) { return member.callback == callback; });
  }
}

void Names::Forget(const registry::Object* callback, const std::string& name) {
  const auto names = by_callback_.find(callback);
  if (names == by_callback_.end()) return;
  names->second.erase(name);
  if (names->second.empty()) by_callback_.erase(names);
}

bool Names::DropDead(ByName::iterator bound) {
  return DropMembers(bound, [](const Member& member) {
    return IsRefusedForGood(Registry::Refusal(member.handle));
  });
}

Names::ByName::iterator Names::FindLive(std::string_view name) {
  const auto bound = by_name_.find(name);
  return bound != by_name_.end() && DropDead(bound) ? bound : by_name_.end();
}

}  // namespace belay::engine
