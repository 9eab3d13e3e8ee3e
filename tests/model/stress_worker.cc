// The life of a worker, and what comes and goes as a whole: registrations, owners.
#include "tests/model/stress_worker.h"

#include <thread>
#include <utility>

#include "broker/registry/pin.h"

namespace belay::model {
namespace {

using registry::AsyncCall;
using registry::CallPin;
using registry::OwnedContext;
using registry::Registry;

struct Context {
  Entry entry;
};

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

}  // namespace

void Worker::Run() {
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

void Worker::Body(CallbackModel& callback) {
  callback.Enter(index_);
  stack_.push_back(&callback);
  if (stack_.size() < 4 && random_.OneIn(8)) Step();
  stack_.pop_back();
  callback.Leave(index_);
}

void Worker::Keep(std::unique_ptr<AsyncCall> call, CallbackModel& callback) {
  // Twice: until it is answered, and while start() runs, which may be longer.
  callback.Enter(index_);
  callback.in_call.fetch_add(1, std::memory_order_relaxed);
  answers_.push_back({std::move(call), &callback});
  if (random_.OneIn(4)) Answer();
  callback.Leave(index_);
}

Entry Worker::Pick() {
  Cell& cell = world_.cells[random_.Below(kCells)];
  const std::lock_guard lock(cell.mutex);
  return cell.entry;
}

std::shared_ptr<OwnerModel> Worker::PickOwner() {
  switch (random_.Below(4)) {
    case 0: return own_;
    case 1: return world_.root;
    default: {
      const std::lock_guard lock(world_.owners_mutex);
      return world_.owners[random_.Below(kSharedOwners)];
    }
  }
}

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
    // Start drops one call in four: eight in a row would be a quarantine, which nothing here explains.
    spec.breaker = {.threshold = 0};
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

}  // namespace belay::model
