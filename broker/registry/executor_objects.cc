#include "broker/registry/executor_objects.h"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "broker/registry/pin.h"
#include "broker/registry/refusal.h"
#include "broker/registry/registry.h"

namespace belay::registry {

using base::Code;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kBatch = 64;

Result<Ref<Registry>> RegistryOf(Handle owner) {
  const TransientPin pin(owner);
  Object* const object = pin.object();
  if (object == nullptr) return NoObject(owner);
  if (object->kind != Kind::kOwner && object->kind != Kind::kBroker)
    return WrongKind(owner, "owner or broker");
  return Ref<Registry>(&object->registry());
}

// What is finished by an id of its own: `end` runs once, whatever becomes of the event.
template <typename End>
std::uint64_t HandOverTicket(End end, Handle host) {
  auto ticket = std::make_unique<AsyncCall>(Request{}, [end](const Outcome&) { end(); });
  const std::uint64_t id = ticket->id();
  AsyncCall::HandOver(std::move(ticket), host);
  return id;
}

std::int64_t NowNs() { return base::Clock::System().MonotonicNs(); }

// A call was written by the thread that submitted it: its lines are asked for while the one before is seen to.
void SendFor(const Work& work) noexcept {
  if (work.kind != Work::Kind::kCall) return;
  const auto* const bytes = reinterpret_cast<const std::byte*>(&work);
  for (std::size_t line = 64; line < sizeof(AsyncCall); line += 64)
    __builtin_prefetch(bytes + line, 1);
}

}  // namespace

QueueObject::QueueObject(ExecutorOptions options)
    : Object(Kind::kQueue), name_(options.name), queue_(std::move(options)) {}

// Sequentially consistent: a Poll() that has handed something over looks at closed_; whichever of the two
// comes last abandons it.
void QueueObject::HandlesGone() noexcept {
  closed_.store(true, std::memory_order_seq_cst);
  queue_.Close();
  AsyncCall::AbandonAll(self_.load(std::memory_order_relaxed));
}

bool QueueObject::HandOver(Handle self, Work* work, HostEvent* event) {
  event->kind = work->kind;
  switch (work->kind) {
    case Work::Kind::kCall: {
      std::unique_ptr<AsyncCall> call(static_cast<AsyncCall*>(work));
      if (!call->Begin()) return false;
      event->call = call.get();
      event->id = call->id();
      AsyncCall::HandOver(std::move(call), self);
      return true;
    }
    case Work::Kind::kRelease: {
      auto* const release = static_cast<ReleaseWork*>(work);
      event->release = release->HandOver();
      if (event->release.function == nullptr) return false;
      event->id = HandOverTicket([release] { release->Acknowledge(); }, self);
      return true;
    }
    case Work::Kind::kCompletion: {
      auto* const completion = static_cast<Completion*>(work);
      event->completion = completion;
      event->id = HandOverTicket([completion] { completion->Drop(); }, self);
      return true;
    }
  }
  return false;
}

Polled QueueObject::Poll(Handle self, std::span<HostEvent> out, std::int64_t timeout_ns) {
  const std::int64_t until_ns = timeout_ns > 0 ? NowNs() + timeout_ns : timeout_ns;
  self_.store(self, std::memory_order_relaxed);
  std::array<Work*, kBatch> works;
  while (true) {
    const Polled polled =
        queue_.Poll(std::span(works).first(std::min(out.size(), works.size())), timeout_ns);
    if (polled.why != Polled::Why::kWorks) return polled;
    Pause(PausePoint::kPollBeforeHandingOver);
    std::size_t count = 0;
    for (std::size_t i = 0; i < polled.count; ++i) {
      if (i + 1 < polled.count) SendFor(*works[i + 1]);
      try {
        if (HandOver(self, works[i], &out[count])) ++count;
      } catch (const std::bad_alloc&) {
        works[i]
            ->Run();  // there is no room for what the host would finish: the library does it here
      }
    }
    if (closed_.load(std::memory_order_seq_cst))
      AsyncCall::AbandonAll(self_.load(std::memory_order_relaxed));
    if (count != 0) return {Polled::Why::kWorks, count};
    if (timeout_ns > 0) timeout_ns = std::max<std::int64_t>(0, until_ns - NowNs());
  }
}

Polled QueueObject::RunSome(std::size_t most, std::int64_t timeout_ns) {
  std::array<Work*, kBatch> works;
  Polled total{Polled::Why::kTimeout, 0};
  while (total.count < most) {
    const std::size_t wanted = std::min(most - total.count, works.size());
    const Polled polled = queue_.Poll(std::span(works).first(wanted), timeout_ns);
    if (polled.why != Polled::Why::kWorks) {
      if (total.count == 0) total.why = polled.why;
      return total;
    }
    for (std::size_t i = 0; i < polled.count; ++i) works[i]->Run();
    total = {Polled::Why::kWorks, total.count + polled.count};
    timeout_ns = 0;  // only the first may wait
  }
  return total;
}

StrandObject::StrandObject(ExecutorOptions options, std::shared_ptr<Executor> below)
    : Object(Kind::kStrand), name_(options.name), strand_(std::move(options), std::move(below)) {}

Result<Handle> OpenQueue(Handle owner, ExecutorOptions options) {
  auto registry = RegistryOf(owner);
  if (!registry.ok()) return registry.status();
  return (*registry)->Insert(Ref<Object>::Adopt(new QueueObject(std::move(options))), owner);
}

Result<Handle> OpenStrand(Handle owner, ExecutorOptions options) {
  auto registry = RegistryOf(owner);
  if (!registry.ok()) return registry.status();
  auto pool = (*registry)->DefaultPool();
  if (!pool.ok()) return pool.status();
  return (*registry)->Insert(Ref<Object>::Adopt(new StrandObject(std::move(options), *pool)),
                             owner);
}

Status NotHandedOut(Handle queue, std::uint64_t id) {
  // Told by what the handle is; a queue that was released is none the less the one that was meant.
  if (KindOf(queue) != Kind::kQueue) return Registry::Find(queue, Kind::kQueue).status();
  return Status(Code::kNotFound, "the queue has handed out no event with the id " +
                                     std::to_string(id) + ", or it has been finished");
}

Result<ExecutorRef> FindExecutor(Handle handle) {
  const TransientPin pin(handle);
  Object* const object = pin.object();
  if (object == nullptr) return NoObject(handle);
  const auto keeper = [&] { return std::make_shared<Ref<Object>>(object); };
  if (object->kind == Kind::kQueue)
    return ExecutorRef{&static_cast<QueueObject&>(*object).queue(), keeper()};
  if (object->kind == Kind::kStrand)
    return ExecutorRef{&static_cast<StrandObject&>(*object).strand(), keeper()};
  return WrongKind(handle, "queue or strand");
}

Result<ExecutorRef> FindQueue(Handle handle) {
  auto found = Registry::Find(handle, Kind::kQueue);
  if (!found.ok()) return found.status();
  Executor* const executor = &static_cast<QueueObject&>(**found).queue();
  return ExecutorRef{executor, std::make_shared<Ref<Object>>(std::move(*found))};
}

Result<ExecutorRef> PoolOf(Handle owner) {
  auto registry = RegistryOf(owner);
  if (!registry.ok()) return registry.status();
  auto pool = (*registry)->DefaultPool();
  if (!pool.ok()) return pool.status();
  return ExecutorRef{pool->get(), *pool};
}

Result<ExecutorRef> OwnStrandOf(Handle owner, std::string name) {
  auto registry = RegistryOf(owner);
  if (!registry.ok()) return registry.status();
  auto pool = (*registry)->DefaultPool();
  if (!pool.ok()) return pool.status();
  auto strand = std::make_shared<Strand>(ExecutorOptions{.name = std::move(name)}, *pool);
  Executor* const executor = strand.get();
  return ExecutorRef{executor, std::move(strand)};
}

Result<std::shared_ptr<Pool>> Registry::DefaultPool() {
  const std::lock_guard lock(mutex_);
  if (close_state_ != CloseState::kOpen) return Status(Code::kClosed, "the broker is closed");
  if (pool_ == nullptr) pool_ = std::make_shared<Pool>(options_.pool, options_.pool_threads);
  return pool_;
}

}  // namespace belay::registry
