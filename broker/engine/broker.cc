#include "broker/engine/broker.h"

#include <new>
#include <random>
#include <utility>

#include "broker/engine/callback_pool.h"
#include "broker/engine/commit_path.h"
#include "broker/engine/expirer.h"
#include "broker/engine/keyspace_watches.h"
#include "broker/engine/merges.h"
#include "broker/engine/names.h"
#include "broker/engine/store_view.h"
#include "broker/engine/validators.h"
#include "broker/storage/rocksdb/rocks_store.h"

namespace belay::engine {

using base::Code;
using base::Result;
using base::Status;
using registry::Handle;
using registry::Kind;
using registry::Ref;
using registry::Registry;

namespace {

std::uint64_t SeedOf(const BrokerOptions& options) {
  return options.random_seed != 0 ? options.random_seed : std::random_device()();
}

// For a registry that nothing was registered in.
constexpr std::int64_t kEmptyCloseNs = 10'000'000'000;

}  // namespace

struct Broker::Parts {
  explicit Parts(unsigned threads) : pool(std::make_shared<CallbackPool>(threads)) {}

  std::shared_ptr<CallbackPool> pool;
  Handle names_owner = 0;
  Handle hooks_owner = 0;
  std::unique_ptr<Names> names;
  std::unique_ptr<KeyspaceWatches> watches;  // null without a store
  std::shared_ptr<Validators> validators;    // likewise
  std::unique_ptr<Expirer> expirer;          // likewise
};

Broker::Broker(BrokerOptions options)
    : options_(std::move(options)), parts_(std::make_unique<Parts>(options_.callback_threads)) {}

// Watches use the pool and the store, so they end first. What is queued in the pool is run: by now
// every handle is gone, so that is refusals, and the ends of calls.
Broker::~Broker() {
  if (parts_->watches != nullptr) parts_->watches->Stop();
  parts_.reset();
}

Result<std::shared_ptr<Broker>> Broker::Open(BrokerOptions options) {
  std::unique_ptr<storage::Store> store;
  if (!options.store_path.empty()) {
    if (Status status = storage::ValidateTuning(options.store_tuning); !status.ok()) return status;
    storage::RocksOptions wish;
    wish.path = std::exchange(options.store_path, {});
    wish.clock = options.clock;
    wish.tuning = options.store_tuning;
    auto opened = storage::OpenRocksStore(wish);
    if (!opened.ok()) return opened.status();
    store = std::move(*opened);
  }
  return OpenWith(std::move(options), std::move(store));
}

Result<std::shared_ptr<Broker>> Broker::OpenWith(BrokerOptions options,
                                                 std::unique_ptr<storage::Store> store) {
  if (!options.store_path.empty()) {
    return Status(Code::kInvalidArgument, "a store and the path of another were given");
  }
  const auto broker = std::shared_ptr<Broker>(new Broker(std::move(options)));
  broker->store_ = std::move(store);
  Status status;
  try {
    status = broker->Start();
  } catch (const std::bad_alloc&) {
    status = Status(Code::kResourceExhausted, "out of memory for a broker", "OUT_OF_MEMORY");
  }
  if (!status.ok()) {
    if (broker->registry_) (void)broker->registry_->Close(kEmptyCloseNs);
    return status;
  }
  broker->registry_->SetAttachment(broker);
  return broker;
}

Status Broker::Start() {
  registry::RegistryOptions wish;
  wish.name = options_.name;
  wish.log = options_.log;
  wish.clock = options_.clock;
  wish.tombstones = options_.tombstones;
  wish.events = options_.events;
  wish.misuse = options_.misuse;
  wish.stuck_after_ns = options_.stuck_after_ns;
  wish.on_released = [weak = weak_from_this()](std::span<registry::Callback* const> callbacks) {
    if (const auto self = weak.lock()) self->CallbacksReleased(callbacks);
  };
  auto opened = Registry::Open(std::move(wish));
  if (!opened.ok()) return opened.status();
  registry_ = std::move(*opened);
  // Their handles may go at any time, and the broker's own parts are told so by the code (R19).
  const registry::OwnerOptions own{{}, registry::MisusePolicy::kReturn};
  auto names_owner = Registry::OpenOwner(registry_->handle(), "names", own);
  if (!names_owner.ok()) return names_owner.status();
  auto hooks_owner = Registry::OpenOwner(registry_->handle(), "hooks", own);
  if (!hooks_owner.ok()) return hooks_owner.status();
  parts_->names_owner = *names_owner;
  parts_->hooks_owner = *hooks_owner;
  parts_->names = std::make_unique<Names>(*names_owner, SeedOf(options_));
  if (store_ != nullptr) {
    parts_->watches = std::make_unique<KeyspaceWatches>(Watches::Surroundings{
        registry_, store_.get(), parts_->pool, *hooks_owner, options_.clock, options_.log});
    parts_->watches->DropStray();
    parts_->validators = std::make_shared<Validators>(registry_, *hooks_owner, options_.log);
    parts_->expirer = std::make_unique<Expirer>(*store_, *options_.clock, options_.log);
    parts_->expirer->Begin();
  }
  return {};
}

Result<std::shared_ptr<Broker>> Broker::Find(Handle handle) {
  auto found = Registry::Find(handle, Kind::kBroker);
  if (!found.ok()) return found.status();
  auto broker = std::static_pointer_cast<Broker>((*found)->registry().attachment());
  if (broker == nullptr) return Status(Code::kClosed, "the broker is closed");
  return broker;
}

Status Broker::Close(std::int64_t timeout_ns) {
  // First what holds callbacks on nobody's behalf: it is no leak of the program's.
  if (parts_->watches != nullptr) parts_->watches->Stop();
  if (parts_->validators != nullptr) parts_->validators->Stop();
  if (parts_->expirer != nullptr) parts_->expirer->Stop();
  parts_->names->Close();
  (void)Registry::CloseOwner(parts_->hooks_owner);
  (void)Registry::CloseOwner(parts_->names_owner);
  return registry_->Close(timeout_ns);
}

Result<storage::Store*> Broker::store() {
  if (store_ != nullptr) return store_.get();
  return Status(Code::kFailedPrecondition, "the broker was opened without a store", "NO_STORE");
}

Status Broker::Bind(std::string_view name, Handle callback, const BindOptions& options,
                    std::uint64_t* version) {
  return parts_->names->Bind(name, callback, options, version);
}

Status Broker::Unbind(std::string_view name) { return parts_->names->Unbind(name); }

Status Broker::UnbindMember(std::string_view name, Handle callback) {
  return parts_->names->UnbindMember(name, callback);
}

void Broker::UnbindVersion(std::string_view name, std::uint64_t bound_version) {
  parts_->names->UnbindVersion(name, bound_version);
}

void Broker::UnbindCallback(Handle callback) { parts_->names->UnbindCallback(callback); }

Result<Handle> Broker::Resolve(std::string_view name, std::span<const Handle> passed_over) {
  return parts_->names->Resolve(name, passed_over);
}

Result<Handle> Broker::ResolveTo(std::string_view name, Handle holder) {
  return parts_->names->ResolveTo(name, holder == 0 ? handle() : holder);
}

Status Broker::ResolveAllTo(std::string_view name, Handle holder, std::span<Handle> handles,
                            std::size_t* count) {
  return parts_->names->ResolveAllTo(name, holder == 0 ? handle() : holder, handles, count);
}

std::vector<NameEntry> Broker::ListNames(std::string_view after_name,
                                         std::uint64_t after_bound_version, std::size_t limit) {
  return parts_->names->List(after_name, after_bound_version, limit);
}

std::string Broker::NameOf(Handle callback) { return parts_->names->NameOf(callback); }

Result<std::shared_ptr<NameWatch>> Broker::WatchName(std::string_view name,
                                                     std::function<void()> changed) {
  return parts_->names->Watch(name, std::move(changed));
}

void Broker::UnwatchName(const std::shared_ptr<NameWatch>& watch) { parts_->names->Unwatch(watch); }

NameState Broker::LookAtName(NameWatch& watch) { return parts_->names->Look(watch); }

Result<Handle> Broker::OpenStore(std::string_view keyspace, IfMissing if_missing) {
  auto opened = store();
  if (!opened.ok()) return opened.status();
  storage::ReadOptions read;
  auto found = (*opened)->FindKeyspace(keyspace);
  if (found.code() == Code::kNotFound && if_missing == IfMissing::kCreate) {
    found = (*opened)->CreateKeyspace(keyspace);
    // Somebody else did, a moment ago.
    if (found.code() == Code::kAlreadyExists) found = (*opened)->FindKeyspace(keyspace);
  }
  if (!found.ok()) return found.status();
  read.keyspace = *found;
  return registry_->Insert(Ref<registry::Object>::Adopt(
      new StoreView(shared_from_this(), std::move(read), std::string(keyspace))));
}

Result<Handle> Broker::OpenSnapshot(const StoreView& view) {
  auto taken = view.store().NewSnapshot();
  if (!taken.ok()) return taken.status();
  return registry_->Insert(Ref<registry::Object>::Adopt(new StoreView(
      shared_from_this(), {view.keyspace(), std::move(*taken)}, view.keyspace_name())));
}

Status Broker::DropKeyspace(std::string_view name) {
  auto opened = store();
  if (!opened.ok()) return opened.status();
  const auto keyspace = (*opened)->FindKeyspace(name);
  if (!keyspace.ok()) return keyspace.status();
  if (Status status = (*opened)->DropKeyspace(name); !status.ok()) return status;
  parts_->watches->Dropped(*keyspace);
  return {};
}

Result<storage::CommitResult> Broker::Commit(const storage::WriteBatch& batch) {
  if (auto opened = store(); !opened.ok()) return opened.status();
  auto committed = CommitWrite(*this, *parts_->validators, batch);
  if (!committed.ok()) return committed;
  for (const storage::Operation& operation : batch.operations) {
    if (operation.expires_at_ms != 0) parts_->expirer->Expect(operation.expires_at_ms);
  }
  return committed;
}

bool Broker::AsksCallbacks(const storage::WriteBatch& batch) const {
  return parts_->validators->AreAsked(batch) || HasMergesByCallback(batch);
}

Result<Handle> Broker::AttachValidator(const ValidatorOptions& options) {
  if (auto opened = store(); !opened.ok()) return opened.status();
  return parts_->validators->Attach(options);
}

Result<Handle> Broker::AttachWatch(const WatchOptions& options) {
  if (auto opened = store(); !opened.ok()) return opened.status();
  return parts_->watches->Attach(options);
}

Status Broker::ForgetWatch(storage::KeyspaceId keyspace, const std::string& name) {
  if (auto opened = store(); !opened.ok()) return opened.status();
  return parts_->watches->Forget(keyspace, name);
}

Handle Broker::hooks_owner() const { return parts_->hooks_owner; }

void Broker::InvokeAsync(Handle handle, registry::Request request, registry::AsyncCall::Done done) {
  parts_->pool->InvokeAsync(handle, std::move(request), std::move(done));
}

void Broker::CallbacksReleased(std::span<registry::Callback* const> callbacks) {
  parts_->names->CallbacksReleased(callbacks);
  if (parts_->watches != nullptr) parts_->watches->CallbacksReleased(callbacks);
  if (parts_->validators != nullptr) parts_->validators->CallbacksReleased(callbacks);
}

}  // namespace belay::engine
