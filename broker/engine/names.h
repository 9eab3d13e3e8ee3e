// Public names of callbacks: which are bound to a name, and which of them the next caller gets.
//
// Invariants
//   - A name is bound to one callback, or by a policy other than single to several, its members:
//     each callback once. A callback may have several names.
//   - A member holds a handle of its own, held by the owner "names": it counts as a reference and
//     keeps the callback alive, until the callback is unregistered, by whomever. From then on it is
//     no member; its handle goes when the name is next asked for or the callback is released,
//     whichever is first.
//   - Every change of a name takes a version of its own from one count of the broker's: a version
//     is never seen twice, so who compares it misses no change, be it away and back.
//   - Whoever watches a name is told after each change of it that it has not looked at yet.
//   - Lock order: Names::mutex_, then the registry's. No user code runs under it (R8).
//
// Thread safety: every method may be called from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/base/status.h"
#include "broker/engine/name_options.h"
#include "broker/engine/name_policy.h"
#include "broker/engine/name_watch.h"
#include "broker/registry/registry.h"

namespace belay::engine {

class Names {
 public:
  // `owner` holds the handles.
  Names(registry::Handle owner, std::uint64_t random_seed) : owner_(owner), random_(random_seed) {}

  // See Broker for all of these.
  base::Status Bind(std::string_view name, registry::Handle callback, const BindOptions& options,
                    std::uint64_t* version);
  base::Status Unbind(std::string_view name);
  base::Status UnbindMember(std::string_view name, registry::Handle callback);
  void UnbindVersion(std::string_view name, std::uint64_t bound_version);
  void UnbindCallback(registry::Handle callback);
  base::Result<registry::Handle> Resolve(std::string_view name,
                                         std::span<const registry::Handle> passed_over);
  base::Result<registry::Handle> ResolveTo(std::string_view name, registry::Handle holder);
  base::Status ResolveAllTo(std::string_view name, registry::Handle holder,
                            std::span<registry::Handle> handles, std::size_t* count);
  std::vector<NameEntry> List(std::string_view after_name, std::uint64_t after_bound_version,
                              std::size_t limit);
  std::string NameOf(registry::Handle callback);
  base::Result<std::shared_ptr<NameWatch>> Watch(std::string_view name,
                                                 std::function<void()> changed);
  void Unwatch(const std::shared_ptr<NameWatch>& watch);
  NameState Look(NameWatch& watch);

  // The callbacks' release functions have run: drops them from their names. While a member of any, every
  // callback stays an object of its own, so that its address says which one it is.
  void CallbacksReleased(std::span<registry::Callback* const> callbacks);
  // Unbinds everything; Bind() fails from then on.
  void Close();

 private:
  struct Member {
    registry::Handle handle;
    const registry::Object* callback;
    std::uint64_t bound_version;  // ascending within a name
  };
  struct Binding {
    NamePolicy policy = NamePolicy::kSingle;
    std::uint64_t version = 0;
    std::uint64_t turn = 0;
    std::vector<Member> members;
  };
  using ByName = std::map<std::string, Binding, std::less<>>;

  // The mutex, for whoever may change a name.
  class Locked {
   public:
    explicit Locked(Names& names) : names_(names), lock_(names.mutex_) {}
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;
    ~Locked();

   private:
    Names& names_;
    std::unique_lock<std::mutex> lock_;
  };

  // REQUIRES for all below: mutex_ held.
  // The name's binding without its dead members; the end if none is left.
  ByName::iterator FindLive(std::string_view name);
  // Lets go of the members for which `goes(member)`, or that are dead, and of the name with the
  // last of them; false if that was so.
  template <typename Fn>
  bool DropMembers(ByName::iterator bound, Fn goes);
  bool DropDead(ByName::iterator bound);
  base::Result<registry::Handle> Choose(std::string_view name,
                                        std::span<const registry::Handle> passed_over = {});
  // Whether a bind may happen to a name as it is now; `bound` may be the end.
  base::Status CheckConditions(std::string_view name, ByName::iterator bound,
                               const BindOptions& options) const;
  base::Status CheckConflict(ByName::iterator bound, const registry::Object* callback,
                             const BindOptions& options) const;
  void DropFromAll(const registry::Object* callback);
  void Forget(const registry::Object* callback, const std::string& name);
  // names_watch.cc
  void NoteChange(std::string_view name);
  std::shared_ptr<NameWatch> TakeListed();

  const registry::Handle owner_;
  std::mutex mutex_;
  bool closed_ = false;
  std::uint64_t last_version_ = 0;
  NameRandom random_;
  ByName by_name_;
  // The names of every member. Here an empty set, and above an empty binding, is what a bind that
  // ran out of memory may leave behind.
  std::unordered_map<const registry::Object*, std::set<std::string>> by_callback_;
  std::multimap<std::string, std::shared_ptr<NameWatch>, std::less<>> watches_;
  std::shared_ptr<NameWatch> listed_;  // the first of those to be told
};

}  // namespace belay::engine
