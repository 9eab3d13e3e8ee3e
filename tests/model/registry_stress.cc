// Threads do at random all that may be done to handles, and a reference model (model.h) judges what they
// are told and what runs when.
//
//   registry_stress [--threads N] [--seconds N] [--seed N]
//
// The seed is printed; BELAY_TEST_SEED or --seed runs the same programs again (their interleaving is the
// machine's). Ends with status 0 and a line of figures, or 3 and the invariant that did not hold.
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <deque>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "broker/registry/pin.h"
#include "broker/registry/registry.h"
#include "tests/model/model.h"
#include "tests/model/random.h"

namespace belay::model {
namespace {

using registry::AsyncCall;
using registry::CallPin;
using registry::OwnedContext;
using registry::Registry;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kCells = 24;
constexpr std::size_t kSharedOwners = 2;
constexpr std::size_t kQuarantine = 4096;
constexpr std::int64_t kForEverNs = 60'000'000'000;  // a wait that takes so long was not woken

using Entry = std::shared_ptr<CallbackModel>;

// What threads pass callbacks to each other through.
struct Cell {
  std::mutex mutex;
  Entry entry;
};

// Keeps what was released for a while, so that a late call finds a model that objects and not free memory.
class Quarantine {
 public:
  void Add(Entry entry) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(std::move(entry));
    if (entries_.size() > kQuarantine) entries_.pop_front();
  }

 private:
  std::mutex mutex_;
  std::deque<Entry> entries_;
};

// Two threads that are to release one handle at the same moment.
struct Duel {
  std::atomic<HandleModel*> handle{nullptr};
  Entry entry;  // set before `handle`
  std::atomic<int> arrived{0};
};

struct World {
  registry::Ref<Registry> registry;
  std::shared_ptr<OwnerModel> root = std::make_shared<OwnerModel>();
  std::array<Cell, kCells> cells;
  std::mutex owners_mutex;
  std::array<std::shared_ptr<OwnerModel>, kSharedOwners> owners;
  Quarantine quarantine;
  Duel duel;
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> registered{0};
  std::atomic<std::uint64_t> released{0};
  std::atomic<std::uint64_t> operations{0};
};

World* g_world = nullptr;

struct Context {
  Entry entry;
};

// What a callback registered as `kind` runs; also what a typed one runs.
class Worker;
thread_local Worker* t_worker = nullptr;

class Worker {
 public:
  Worker(World& world, std::size_t index, std::uint64_t seed)
      : world_(world), index_(index), random_(seed) {}

  void Run() {
    t_worker = this;
    own_ = std::make_shared<OwnerModel>();
    own_->handle = *world_.registry->OpenOwner("worker");
    while (!world_.stop.load(std::memory_order_relaxed)) {
      Step();
      AcceptDuel();
    }
    while (!pins_.empty()) Unpin();
    while (!answers_.empty()) Answer();
    world_.operations.fetch_add(operations_);
    t_worker = nullptr;
  }

  // The body of every call on this thread.
  void Body(CallbackModel& callback) {
    callback.Enter(index_);
    stack_.push_back(&callback);
    if (stack_.size() < 4 && random_.OneIn(8)) Step();
    stack_.pop_back();
    callback.Leave(index_);
  }
  void Keep(std::unique_ptr<AsyncCall> call, CallbackModel& callback) {
    // Twice: until it is answered, and while start() runs, which may be longer.
    callback.Enter(index_);
    callback.in_call.fetch_add(1, std::memory_order_relaxed);
    answers_.push_back({std::move(call), &callback});
    if (random_.OneIn(4)) Answer();
    callback.Leave(index_);
  }
  std::size_t index() const { return index_; }

 private:
  struct Pinned {
    Entry entry;
    Registry::PinnedFunction function;
  };
  struct Kept {
    std::unique_ptr<AsyncCall> call;
    CallbackModel* callback;  // lives as long as the call is in flight
  };

  void Step();
  void Register();
  void Call(const Entry& entry, HandleModel& handle);
  void Retain(const Entry& entry, HandleModel& handle);
  void Release(const Entry& entry, HandleModel& handle);
  void Unregister(const Entry& entry, HandleModel& handle);
  void Drain(const Entry& entry, HandleModel& handle);
  void Pin(const Entry& entry, HandleModel& handle);
  void Describe(const Entry& entry, HandleModel& handle);
  void Unpin();
  void Answer();
  void CloseOwner();
  void OfferDuel(const Entry& entry, HandleModel& handle);
  void AcceptDuel();
  void Publish(const Entry& entry, Handle handle, std::uint32_t rights,
               std::shared_ptr<OwnerModel> holder);
  void Discard(const Entry& entry);

  Entry Pick() {
    Cell& cell = world_.cells[random_.Below(kCells)];
    const std::lock_guard lock(cell.mutex);
    return cell.entry;
  }
  std::shared_ptr<OwnerModel> PickOwner() {
    switch (random_.Below(4)) {
      case 0: return own_;
      case 1: return world_.root;
      default: {
        const std::lock_guard lock(world_.owners_mutex);
        return world_.owners[random_.Below(kSharedOwners)];
      }
    }
  }
  bool IsInside(const CallbackModel& callback) const {
    for (const CallbackModel* outer : stack_) {
      if (outer == &callback) return true;
    }
    return false;
  }
  [[noreturn]] static void Wrong(const char* what, const base::Status& status) {
    Violation("R4", std::string(what) + " answered what nothing explains: " + status.ToString());
  }

  World& world_;
  const std::size_t index_;
  Random random_;
  std::shared_ptr<OwnerModel> own_;
  std::vector<const CallbackModel*> stack_;
  std::vector<Pinned> pins_;
  std::deque<Kept> answers_;
  std::uint64_t operations_ = 0;
};

// --- What the registry runs -------------------------------------------------------------------------

CallbackModel& Of(void* context) { return *static_cast<Context*>(context)->entry; }

std::int32_t RunInline(void* context, ::belay_call*) {
  t_worker->Body(Of(context));
  return 0;
}
base::Status Adapt(registry::NativeFunction function, void* context, const registry::Request&,
                   std::string*) {
  function(context, nullptr);
  return {};
}
std::int64_t RunTyped(void* context, std::int64_t value) {
  t_worker->Body(Of(context));
  return value + 1;
}
void Start(void* context, std::unique_ptr<AsyncCall> call) {
  t_worker->Keep(std::move(call), Of(context));
}

// On the reaper's thread, or on that of a registration that failed.
void OnRelease(void* context) {
  const std::unique_ptr<Context> mine(static_cast<Context*>(context));
  CallbackModel& callback = *mine->entry;
  // Before it counts as released: no handle may lead to a call any more.
  for (std::size_t i = 0; i < callback.handle_count.load(std::memory_order_acquire); ++i) {
    const Handle handle = callback.handles[i].handle;
    if (const CallPin pin(handle); pin)
      Violation("R5", "a call could begin inside the release function");
    if (i == 0) (void)Registry::Describe(handle);
  }
  callback.Released();
  g_world->released.fetch_add(1);
  g_world->quarantine.Add(std::move(mine->entry));
}

// --- Operations -------------------------------------------------------------------------------------

void Worker::Step() {
  ++operations_;
  const std::uint64_t choice = random_.Below(100);
  if (choice < 12) return Register();
  if (choice == 12) return CloseOwner();
  if (choice < 18 && !pins_.empty()) return Unpin();
  if (choice < 24 && !answers_.empty()) return Answer();
  const Entry entry = Pick();
  if (entry == nullptr) return Register();
  const std::size_t count = entry->handle_count.load(std::memory_order_acquire);
  HandleModel& handle = entry->handles[random_.Below(count)];
  if (choice < 64) return Call(entry, handle);
  if (choice < 74) return Retain(entry, handle);
  if (choice < 82) return Release(entry, handle);
  if (choice < 85) return OfferDuel(entry, handle);
  if (choice < 88) return Unregister(entry, handle);
  if (choice < 93) return Drain(entry, handle);
  if (choice < 98) return Pin(entry, handle);
  Describe(entry, handle);
}

void Worker::Register() {
  auto entry = std::make_shared<CallbackModel>();
  entry->kind = random_.OneIn(5)   ? CallKind::kTyped
                : random_.OneIn(5) ? CallKind::kAsync
                                   : CallKind::kInline;
  entry->owner = PickOwner();
  registry::CallbackSpec spec;
  if (entry->kind == CallKind::kInline) {
    spec.target.function = &RunInline;
    spec.target.adapter = &Adapt;
  } else if (entry->kind == CallKind::kAsync) {
    spec.target.start = &Start;
  } else {
    spec.target.typed = reinterpret_cast<registry::TypedFunction>(&RunTyped);
    spec.target.signature = "i64(i64)";
  }
  spec.context = OwnedContext(new Context{entry}, &OnRelease);
  const bool must_fail = entry->owner->close.done();
  world_.registered.fetch_add(1);
  const auto handle = Registry::Register(entry->owner->handle, std::move(spec));
  if (!handle.ok()) {
    const bool may_fail = entry->owner->close.begun();
    if (!may_fail || (handle.code() != Code::kStale && handle.code() != Code::kOwnerClosed))
      Wrong("register", handle.status());
    if (entry->releases.load() != 1)
      Violation("R3", "a failed registration did not release its context");
    return;
  }
  if (must_fail) Violation("R12", "a closed owner could register");
  Publish(entry, *handle, registry::kRightsAll, entry->owner);
  // While nobody else knows it: its counts are known exactly.
  HandleModel& first = entry->handles[0];
  if (entry->kind == CallKind::kInline && random_.OneIn(4)) {
    for (std::uint64_t n = random_.Below(4); n > 0; --n) Call(entry, first);
    const std::uint64_t calls = entry->calls.load(std::memory_order_relaxed);
    const auto info = Registry::Describe(first.handle);
    if (info.ok() && info->calls != calls) {
      Violation("R15",
                "counted " + std::to_string(info->calls) + " calls of " + std::to_string(calls));
    }
  }
  Entry old = entry;
  {
    Cell& cell = world_.cells[random_.Below(kCells)];
    const std::lock_guard lock(cell.mutex);
    cell.entry.swap(old);
  }
  if (old != nullptr) Discard(old);
}

void Worker::Publish(const Entry& entry, Handle handle, std::uint32_t rights,
                     std::shared_ptr<OwnerModel> holder) {
  const std::size_t place = entry->handle_claim.fetch_add(1);
  if (place >= CallbackModel::kMaxHandles) {  // no room to share it: give it back
    if (const base::Status status = Registry::Release(handle);
        !status.ok() && !holder->close.begun())
      Wrong("release", status);
    return;
  }
  HandleModel& model = entry->handles[place];
  model.handle = handle;
  model.rights = rights;
  model.is_counted = holder == entry->owner || holder == world_.root;
  model.holder = std::move(holder);
  if (model.is_counted) entry->references.fetch_add(1, std::memory_order_acq_rel);
  // Published in order of their places.
  while (entry->handle_count.load(std::memory_order_acquire) != place) std::this_thread::yield();
  entry->handle_count.store(place + 1, std::memory_order_release);
}

// The last of an entry that no cell shows any more; others may still be using it.
void Worker::Discard(const Entry& entry) {
  if (random_.OneIn(3) && entry->kind == CallKind::kInline && stack_.empty()) {
    Unregister(entry, entry->handles[0]);
    Drain(entry, entry->handles[0]);
  }
  const std::size_t count = entry->handle_count.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < count; ++i) Release(entry, entry->handles[i]);
}

void Worker::Call(const Entry& entry, HandleModel& handle) {
  const Before before(*entry, handle);
  base::Status status;
  bool ran = false;
  if (entry->kind == CallKind::kAsync) {
    // Answered by a later step of this thread; only a refusal comes at once.
    Registry::InvokeAsync(handle.handle, {}, [&status](registry::Outcome outcome) {
      if (outcome.certainty == registry::Certainty::kNotSent) status = std::move(outcome.status);
    });
    ran = status.ok();
  } else if (random_.OneIn(4)) {
    status = Registry::Invoke(handle.handle, {}).status;
    ran = status.ok();
  } else {
    const CallPin pin(handle.handle);
    if (pin) {
      pin.Run(nullptr);
      ran = true;
    }
  }
  if (!ran && status.ok()) {
    status = Registry::Refusal(handle.handle);
    if (status.ok()) Violation("R4", "a call was refused for no reason");
  }
  if (ran) {
    if (before.must_be_stale) Violation("R2", "a released handle could be called");
    if (before.must_drain) Violation("R4", "an unregistered callback could be called");
    if (entry->kind == CallKind::kTyped)
      Violation("R11", "a typed callback was invoked without a pin");
    return;
  }
  const Code code = status.code();
  if (code == Code::kFailedPrecondition && entry->kind == CallKind::kTyped) return;
  if (code == Code::kStale && !handle.MayBeStale())
    Violation("R2", "a handle that nobody released is stale: " + status.ToString());
  if (!IsAllowedRefusal(code, *entry, handle, registry::kRightInvoke)) Wrong("call", status);
}

void Worker::Retain(const Entry& entry, HandleModel& handle) {
  if (entry->handle_claim.load() >= CallbackModel::kMaxHandles) return;
  const Before before(*entry, handle);
  const std::shared_ptr<OwnerModel> holder = PickOwner();
  const bool must_fail = holder->close.done();
  const std::uint32_t rights = random_.OneIn(3)
                                   ? handle.rights & static_cast<std::uint32_t>(random_.Below(8))
                                   : handle.rights;
  const auto retained = Registry::Retain(handle.handle, holder->handle, rights);
  if (retained.ok()) {
    if (before.must_be_stale || before.must_drain || must_fail)
      Violation("R4", "retained what was gone");
    if ((handle.rights & registry::kRightRetain) == 0)
      Violation("R16", "retained without the right to");
    Publish(entry, *retained, rights == 0 ? handle.rights : rights, holder);
    return;
  }
  const Code code = retained.code();
  if ((code == Code::kStale || code == Code::kOwnerClosed) && holder->close.begun()) return;
  if (code == Code::kStale && !handle.MayBeStale())
    Violation("R2", "a handle that nobody released is stale");
  if (!IsAllowedRefusal(code, *entry, handle, registry::kRightRetain))
    Wrong("retain", retained.status());
}

void Worker::Release(const Entry& entry, HandleModel& handle) {
  const bool must_fail = handle.MustBeStale();
  // Counted as gone before anybody may have released it.
  if (handle.tries.fetch_add(1, std::memory_order_acq_rel) == 0) {
    if (handle.is_counted) entry->references.fetch_sub(1, std::memory_order_acq_rel);
    handle.release.Begin();
  }
  while (!handle.release.begun()) std::this_thread::yield();
  const base::Status status = Registry::Release(handle.handle);
  if (status.ok()) {
    if (must_fail || handle.successes.fetch_add(1) != 0)
      Violation("R2", "a handle was released twice");
    handle.release.Done();
    return;
  }
  if (status.code() != Code::kStale) Wrong("release", status);
  if (handle.tries.load() == 1 && !handle.holder->close.begun())
    Violation("R2", "the only release of a handle failed");
}

void Worker::OfferDuel(const Entry& entry, HandleModel& handle) {
  Duel& duel = world_.duel;
  int idle = 0;
  if (!stack_.empty() || !duel.arrived.compare_exchange_strong(idle, 1))
    return Release(entry, handle);
  duel.entry = entry;
  duel.handle.store(&handle, std::memory_order_release);
  for (int i = 0; i < 200 && duel.arrived.load() == 1; ++i) std::this_thread::yield();
  int waiting = 1;
  if (duel.arrived.compare_exchange_strong(waiting, 0)) {
    // Nobody came. (Whoever looks at duel.handle now finds `arrived` 0.)
    return Release(entry, handle);
  }
  duel.arrived.store(3);  // both are here
  Release(entry, handle);
  while (duel.arrived.load() != 4) std::this_thread::yield();
  duel.entry = nullptr;
  duel.arrived.store(0);
}

void Worker::AcceptDuel() {
  Duel& duel = world_.duel;
  int waiting = 1;
  if (!stack_.empty() || duel.arrived.load() != 1 ||
      !duel.arrived.compare_exchange_strong(waiting, 2))
    return;
  while (duel.arrived.load() != 3) {
  }
  Release(duel.entry, *duel.handle.load(std::memory_order_acquire));
  duel.arrived.store(4);
}

void Worker::Unregister(const Entry& entry, HandleModel& handle) {
  const bool must_be_stale = handle.MustBeStale();
  const bool is_revoke = random_.OneIn(3);
  Act& act = is_revoke ? entry->revoke : entry->unregister;
  if (is_revoke || (handle.rights & registry::kRightUnregister) != 0) act.Begin();
  const base::Status status =
      Registry::Unregister(handle.handle, is_revoke ? Code::kRevoked : Code::kUnregistered);
  if (status.ok()) {
    if (must_be_stale) Violation("R2", "a released handle could unregister");
    if (act.begun()) act.Done();
    return;
  }
  if (status.code() == Code::kStale && !handle.MayBeStale())
    Violation("R2", "a handle that nobody released is stale");
  if (status.code() != Code::kStale && (is_revoke || status.code() != Code::kPermissionDenied ||
                                        (handle.rights & registry::kRightUnregister) != 0)) {
    Wrong("unregister", status);
  }
}

void Worker::Drain(const Entry& entry, HandleModel& handle) {
  const Before before(*entry, handle);
  // Waits for long only where nothing that this thread holds can be what it waits for.
  const bool waits = stack_.empty() && entry->kind == CallKind::kInline && random_.OneIn(2);
  const base::Status status = Registry::Drain(handle.handle, waits              ? kForEverNs
                                                             : random_.OneIn(2) ? 0
                                                                                : 100'000);
  switch (status.code()) {
    case Code::kOk:
      if (!entry->MayDrain() && !handle.MayBeStale())
        Violation("R7", "drained what nobody unregistered");
      if (entry->releases.load(std::memory_order_relaxed) != 1)
        Violation("R7", "a drain returned before the release function");
      entry->drained.store(true, std::memory_order_release);
      return;
    case Code::kDeadlineExceeded:
      if (waits) Violation("R6", "a drain was never woken: " + status.ToString());
      return;
    case Code::kFailedPrecondition:
      if (before.must_drain) Violation("R7", "an unregistered callback counts as live");
      return;
    case Code::kWouldDeadlock:
      if (!IsInside(*entry) && entry->kind != CallKind::kAsync)
        Violation("R7", "a drain was refused outside of the call");
      return;
    case Code::kStale:
      if (!handle.MayBeStale()) Violation("R2", "a handle that nobody released is stale");
      return;
    default: Wrong("drain", status);
  }
}

void Worker::Pin(const Entry& entry, HandleModel& handle) {
  if (pins_.size() >= 4) Unpin();
  const Before before(*entry, handle);
  const auto pinned = Registry::PinTyped(handle.handle, "i64(i64)");
  if (pinned.ok()) {
    if (before.must_be_stale || before.must_drain) Violation("R4", "pinned what was gone");
    if (entry->kind != CallKind::kTyped) Violation("R11", "pinned what is not typed");
    entry->pins.fetch_add(1, std::memory_order_acq_rel);
    pins_.push_back({entry, *pinned});
    return;
  }
  const Code code = pinned.code();
  if (code == Code::kFailedPrecondition && entry->kind != CallKind::kTyped) return;
  if (code == Code::kStale && !handle.MayBeStale())
    Violation("R2", "a handle that nobody released is stale");
  if (!IsAllowedRefusal(code, *entry, handle, registry::kRightInvoke))
    Wrong("pin", pinned.status());
}

void Worker::Unpin() {
  const std::size_t which = random_.Below(pins_.size());
  const Pinned pinned = pins_[which];
  pins_[which] = pins_.back();
  pins_.pop_back();
  // Whatever became of the callback: through the pin it can be called.
  const auto function =
      reinterpret_cast<std::int64_t (*)(void*, std::int64_t)>(pinned.function.function);
  if (stack_.size() < 4 && function(pinned.function.context, 1) != 2)
    Violation("R11", "a pinned function answered wrongly");
  pinned.entry->pins.fetch_sub(1, std::memory_order_acq_rel);
  if (const base::Status status = Registry::Release(pinned.function.pin); !status.ok()) {
    Violation("R11", "a pin could not be released: " + status.ToString());
  }
  if (random_.OneIn(4) && CodeName(Registry::Release(pinned.function.pin).code()) != "STALE") {
    Violation("R11", "a pin was released twice");
  }
}

void Worker::Answer() {
  Kept kept = std::move(answers_.front());
  answers_.pop_front();
  kept.callback->in_call.fetch_sub(1, std::memory_order_relaxed);
  if (random_.OneIn(4)) return;  // dropped: ABANDONED
  kept.call->Finish({});
}

void Worker::CloseOwner() {
  auto fresh = std::make_shared<OwnerModel>();
  fresh->handle = *world_.registry->OpenOwner("shared");
  std::shared_ptr<OwnerModel> old = fresh;
  {
    const std::lock_guard lock(world_.owners_mutex);
    world_.owners[random_.Below(kSharedOwners)].swap(old);
  }
  old->close.Begin();
  if (const base::Status status = Registry::CloseOwner(old->handle); !status.ok())
    Wrong("close", status);
  old->close.Done();
  if (Registry::CloseOwner(old->handle).code() != Code::kStale)
    Violation("R12", "an owner was closed twice");
}

void Worker::Describe(const Entry& entry, HandleModel& handle) {
  const bool must_be_stale = handle.MustBeStale();
  const auto info = Registry::Describe(handle.handle);
  if (info.ok()) {
    if (must_be_stale) Violation("R15", "a released handle could be described");
    if (info->state == registry::State::kReleased &&
        entry->releases.load(std::memory_order_relaxed) != 1) {
      Violation("R15", "shown as released before it was");
    }
  } else if (info.code() != Code::kStale || !handle.MayBeStale()) {
    Wrong("describe", info.status());
  }
  (void)Registry::Holders(handle.handle);
  if (random_.OneIn(16)) {
    std::uint64_t after = random_.Below(200);
    (void)world_.registry->List(&after, 32);
  }
}

// --- The whole --------------------------------------------------------------------------------------

// Nobody works any more: what is left must be told exactly, and go away when the registry closes.
void CheckRest(World& world) {
  for (Cell& cell : world.cells) {
    if (cell.entry == nullptr) continue;
    CallbackModel& callback = *cell.entry;
    for (std::size_t i = 0; i < callback.handle_count.load(); ++i) {
      HandleModel& handle = callback.handles[i];
      const auto info = Registry::Describe(handle.handle);
      if (!info.ok()) {
        if (!handle.MayBeStale()) Violation("R2", "a handle is gone that nobody released");
        continue;
      }
      if (handle.MustBeStale()) Violation("R2", "a handle is there that somebody released");
      if (info->in_flight != 0 || info->pins != 0)
        Violation("R15", "shown in flight or pinned when nothing runs");
      if (callback.kind == CallKind::kInline && info->calls != callback.calls.load()) {
        Violation("R15", "counted " + std::to_string(info->calls) + " calls of " +
                             std::to_string(callback.calls.load()));
      }
    }
    cell.entry = nullptr;
  }
  RegistryClose().Begin();
  if (const base::Status closed = world.registry->Close(kForEverNs); !closed.ok()) {
    Violation("R12", "the registry did not close: " + closed.ToString());
  }
  std::uint64_t after = 0;
  if (!world.registry->List(&after, 1).empty()) Violation("R12", "a closed registry has handles");
  if (world.registered.load() != world.released.load()) {
    Violation("R3", std::to_string(world.registered.load()) + " contexts were handed over, " +
                        std::to_string(world.released.load()) + " released");
  }
}

struct Arguments {
  std::size_t threads = 8;
  double seconds = 5;
  std::uint64_t seed = 0;
};

Arguments Parse(int argc, char** argv) {
  Arguments arguments;
  const char* given = std::getenv("BELAY_TEST_SEED");
  arguments.seed = given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--threads") == 0)
      arguments.threads = std::strtoull(argv[i + 1], nullptr, 0);
    if (std::strcmp(argv[i], "--seconds") == 0)
      arguments.seconds = std::strtod(argv[i + 1], nullptr);
    if (std::strcmp(argv[i], "--seed") == 0)
      arguments.seed = std::strtoull(argv[i + 1], nullptr, 0);
  }
  if (const char* soak = std::getenv("BELAY_SOAK_SECONDS"); soak != nullptr)
    arguments.seconds = std::strtod(soak, nullptr);
  if (arguments.threads == 0 || arguments.threads > kMaxThreads) {
    std::fprintf(stderr, "registry_stress: --threads must be 1 to %zu\n", kMaxThreads);
    std::exit(2);
  }
  return arguments;
}

int Main(int argc, char** argv) {
  const Arguments arguments = Parse(argc, argv);
  std::printf("registry_stress: seed %llu, %zu threads, %g s, %s fence\n",
              static_cast<unsigned long long>(arguments.seed), arguments.threads, arguments.seconds,
              registry::HandleTable::Get().fence_mode() == registry::FenceMode::kPortable
                  ? "portable"
                  : "membarrier");
  std::fflush(stdout);
  World world;
  g_world = &world;
  world.registry = std::move(*Registry::Open({}));
  world.root->handle = world.registry->handle();
  for (auto& owner : world.owners) {
    owner = std::make_shared<OwnerModel>();
    owner->handle = *world.registry->OpenOwner("shared");
  }
  const auto start = Clock::now();
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < arguments.threads; ++i) {
    workers.push_back(std::make_unique<Worker>(world, i, arguments.seed * kMaxThreads + i));
    threads.emplace_back([worker = workers.back().get()] { worker->Run(); });
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(arguments.seconds));
  world.stop.store(true);
  for (std::thread& thread : threads) thread.join();
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  CheckRest(world);
  std::printf("registry_stress: ok, %llu operations on %llu callbacks in %.1f s, %.0f/s\n",
              static_cast<unsigned long long>(world.operations.load()),
              static_cast<unsigned long long>(world.registered.load()), took,
              static_cast<double>(world.operations.load()) / took);
  g_world = nullptr;
  return 0;
}

}  // namespace
}  // namespace belay::model

int main(int argc, char** argv) { return belay::model::Main(argc, argv); }
