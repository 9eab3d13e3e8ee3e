// A broker: one registry, one store, and what joins them: names and hooks.
//
// It knows nothing of transports. A callback that runs elsewhere reaches it as a registry Target
// with a `start` function; whether a hook's callback is in this process or behind a socket makes no
// difference here.
//
// Names and hooks hold ordinary handles to their callbacks, held by owners of the broker's own
// ("names", "hooks"), so that they count as references and are seen in every listing (S3, R15).
//
// Lifetime. The registry keeps the broker (as its attachment) until it has fully closed; the broker
// keeps the registry; Close() is what ends both. So the destructor may run on the reaper's thread,
// or on that of whoever was inside when the broker closed.
//
// Thread safety: every method may be called from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/status.h"
#include "broker/engine/name_options.h"
#include "broker/engine/name_watch.h"
#include "broker/engine/validator_options.h"
#include "broker/engine/watch_options.h"
#include "broker/registry/registry.h"
#include "broker/storage/store.h"
#include "broker/storage/tuning.h"

namespace belay::engine {

struct BrokerOptions {
  std::string name = "broker";
  std::string store_path;  // empty: no store
  registry::LogFunction log;
  storage::StoreTuning store_tuning = {};
  // Threads that run in-process callbacks for watches and InvokeAsync(), each occupying one while
  // it runs. They are made when first needed.
  unsigned callback_threads = 4;
  // Seeds the choices among the members of names bound by the policy random. 0: a seed of the
  // system's.
  std::uint64_t random_seed = 0;
  // See registry::RegistryOptions.
  std::size_t tombstones = registry::RegistryOptions().tombstones;
  std::size_t events = registry::RegistryOptions().events;
  registry::MisusePolicy misuse = registry::MisusePolicy::kReturn;
  std::int64_t stuck_after_ns = registry::RegistryOptions().stuck_after_ns;
  // Paces what is repeated, and tells ages. Must outlive the broker.
  const base::Clock* clock = &base::Clock::System();
};

struct CursorOptions {
  storage::ScanOptions scan;
  registry::Handle filter = 0;                    // a callback that picks rows; 0: none
  registry::Handle projection = 0;                // one that makes others of them; 0: none
  std::int64_t hook_timeout_ns = 30'000'000'000;  // of one call of either; 0: none
  std::string caller;                             // shown to their hosts
};

// What to do about a keyspace that is not there.
enum class IfMissing : std::uint8_t { kFail, kCreate };

class StoreView;

class Broker : public std::enable_shared_from_this<Broker> {
 public:
  // Opens registry and store. May block (disk).
  static base::Result<std::shared_ptr<Broker>> Open(BrokerOptions options);
  // The same over another store than the embedded one, or (null) none; options.store_path must be
  // empty.
  static base::Result<std::shared_ptr<Broker>> OpenWith(BrokerOptions options,
                                                        std::unique_ptr<storage::Store> store);
  // The broker behind a handle of kind broker.
  static base::Result<std::shared_ptr<Broker>> Find(registry::Handle handle);
  ~Broker();

  // Ends hooks, then closes the registry; see Registry::Close. The store closes when the last user
  // of this broker has let go, which is at the end of this call if it returns OK and nobody else is
  // inside.
  base::Status Close(std::int64_t timeout_ns);

  registry::Handle handle() const { return registry_->handle(); }
  registry::Registry& registry() { return *registry_; }
  // FAILED_PRECONDITION, reason NO_STORE, if it was opened without one. Lives as long as the
  // broker.
  base::Result<storage::Store*> store();

  // Gives a callback a public name. A binding counts as a reference, and keeps the callback alive
  // until it is unregistered. Without options: ALREADY_EXISTS if a live callback has the name, be
  // it this one; a name whose callback is no longer live is free. `*version` is that of the name
  // after the change. Names: 1 to 255 bytes, no control characters. The handle needs the rights to
  // bind and to retain. Whoever resolves the name gets the handle's rights but unregister. Errors:
  // ABORTED if a condition does not hold; joining: FAILED_PRECONDITION (another policy),
  // ALREADY_EXISTS (a member already), RESOURCE_EXHAUSTED; those of Registry::Retain.
  base::Status Bind(std::string_view name, registry::Handle callback,
                    const BindOptions& options = {}, std::uint64_t* version = nullptr);
  // Takes the name from all that it is bound to. NOT_FOUND names the name.
  base::Status Unbind(std::string_view name);
  // Takes it from one callback, given any live handle to it.
  base::Status UnbindMember(std::string_view name, registry::Handle callback);
  // Takes it from the callback that the bind of that version gave it to, if it still has it from there: for
  // whoever made a binding and ends it.
  void UnbindVersion(std::string_view name, std::uint64_t bound_version);
  // Takes all its names from a callback: for a registrant that lets go of it. Any live handle will
  // do.
  void UnbindCallback(registry::Handle callback);
  // The handle that the name holds, or of several the one that the name's policy chooses: borrowed,
  // retain it to keep it. Members that are quarantined or suspended are passed over while there are
  // others. NOT_FOUND names the name; FAILED_PRECONDITION, reason BROADCAST, if it stands for all
  // its members. `passed_over`: handles that this has given before, and that are not wanted again; NOT_FOUND,
  // reason NO_OTHER_MEMBER, if there is nobody else.
  base::Result<registry::Handle> Resolve(std::string_view name,
                                         std::span<const registry::Handle> passed_over = {});
  // The same as a handle of `holder`'s own (0: the broker's).
  base::Result<registry::Handle> ResolveTo(std::string_view name, registry::Handle holder);
  // Writes handles of `holder`'s own to all members, the one bound longest first, whatever the
  // policy. BUFFER_TOO_SMALL if there is not room for all: then nothing is retained, and only
  // `*count` is written.
  base::Status ResolveAllTo(std::string_view name, registry::Handle holder,
                            std::span<registry::Handle> handles, std::size_t* count);
  // Up to `limit` members of names, by name and within it by age, after the one named: "" and 0,
  // then the name and bound_version of the last entry of the page before. What changes meanwhile
  // may be missed.
  std::vector<NameEntry> ListNames(std::string_view after_name, std::uint64_t after_bound_version,
                                   std::size_t limit);
  // The name bound to the same callback, the first by the alphabet if there are several; empty if
  // none.
  std::string NameOf(registry::Handle callback);
  // Has `changed` called, on any thread and under no lock, when the name has changed since the watch last
  // looked. A member that dies with calls in flight leaves its names when the last of them has ended. The name
  // need not be bound. Errors: INVALID_ARGUMENT.
  base::Result<std::shared_ptr<NameWatch>> WatchName(std::string_view name,
                                                     std::function<void()> changed);
  // A call of `changed` that has begun may go on.
  void UnwatchName(const std::shared_ptr<NameWatch>& watch);
  // What the watch's name is now.
  NameState LookAtName(NameWatch& watch);

  // A handle of kind store (see store_view.h) to a keyspace, as it is now. NOT_FOUND if there is no
  // such keyspace, unless it is to be created then.
  base::Result<registry::Handle> OpenStore(
      std::string_view keyspace = storage::kDefaultKeyspaceName,
      IfMissing if_missing = IfMissing::kFail);
  // The same, to what the view shows at this moment.
  base::Result<registry::Handle> OpenSnapshot(const StoreView& view);
  // Drops a keyspace, and what watches of it had: they end, and their names are forgotten. Errors: as
  // storage::Store::DropKeyspace.
  base::Status DropKeyspace(std::string_view name);
  // Commits a batch, after its merges have become puts (merges.h) and the validators that want to see it
  // have let it. Errors: as storage::Store::Commit; FAILED_PRECONDITION, reason REJECTED, with a
  // validator's words; UNAVAILABLE, reason VALIDATOR_FAILED; RECURSION_LIMIT; those of ResolveMerges();
  // ABORTED, reason TOO_MANY_CONFLICTS.
  base::Result<storage::CommitResult> Commit(const storage::WriteBatch& batch);
  // Whether Commit() of the batch would ask a callback at this moment: for who must not wait for one
  // on just any thread. REQUIRES: there is a store.
  bool AsksCallbacks(const storage::WriteBatch& batch) const;
  // See validators.h. The callback's handle needs the rights to invoke, retain and bind. Detaching is
  // releasing the subscription. Errors: as AttachWatch.
  base::Result<registry::Handle> AttachValidator(const ValidatorOptions& options);
  // The callback is called, one call at a time, with row blocks of the changes in the range, in order of
  // revision, each at least once; a call that fails is repeated with the same rows after 100 ms,
  // doubling to 10 s. What happens to one that falls behind, and how a watch ends: see watches.h. Its
  // handle needs the rights to invoke, retain and bind. Detaching is releasing the subscription:
  // Registry::Release. Errors: COMPACTED; ALREADY_EXISTS if a watch of the name is attached;
  // FAILED_PRECONDITION (no store, a typed callback); INVALID_ARGUMENT; those of Registry::Retain;
  // those of a commit, with a name.
  base::Result<registry::Handle> AttachWatch(const WatchOptions& options);
  // Forgets how far the watches of a name have got. NOT_FOUND; FAILED_PRECONDITION while one is
  // attached. May block (disk).
  base::Status ForgetWatch(storage::KeyspaceId keyspace, const std::string& name);

  // Tells when keys expire, and whatever else the broker times.
  const base::Clock& clock() const { return *options_.clock; }

  // The owner that holds the handles of watches and filters.
  registry::Handle hooks_owner() const;

  // Runs `handle`'s callback without occupying the calling thread: one that would run inline runs
  // on the callback pool. `done` runs exactly once, on any thread, also this one.
  void InvokeAsync(registry::Handle handle, registry::Request request,
                   registry::AsyncCall::Done done);

 private:
  explicit Broker(BrokerOptions options);

  // Makes registry and owners.
  base::Status Start();
  void CallbacksReleased(std::span<registry::Callback* const> callbacks);

  struct Parts;  // what the above is made of
  const BrokerOptions options_;
  registry::Ref<registry::Registry> registry_;
  std::unique_ptr<storage::Store> store_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace belay::engine
