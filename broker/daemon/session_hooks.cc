// Hooks of a session's client: what it attaches to the store, and detaches. Attaching takes its turn
// among the session's store requests: it looks for keyspaces, which may block, and what was written before
// it is before it.
#include <utility>

#include "belay/v1/session.pb.h"
#include "broker/daemon/session.h"
#include "broker/daemon/store_access.h"
#include "broker/daemon/store_queue.h"
#include "broker/daemon/store_wire.h"

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;
using registry::Handle;
using registry::Registry;

namespace {

Result<Handle> Attach(engine::Broker& broker, const std::string& keyspace,
                      engine::WatchOptions options) {
  const auto found = FindKeyspace(broker, keyspace);
  if (!found.ok()) return found.status();
  options.keyspace = *found;
  return broker.AttachWatch(options);
}

Result<Handle> Attach(engine::Broker& broker, const std::string& keyspace,
                      engine::ValidatorOptions options) {
  const auto found = FindKeyspace(broker, keyspace);
  if (!found.ok()) return found.status();
  options.keyspace = *found;
  return broker.AttachValidator(options);
}

Status Forget(engine::Broker& broker, const std::string& keyspace, const std::string& name) {
  if (const auto store = broker.store(); !store.ok()) return store.status();
  const auto found = FindKeyspace(broker, keyspace);
  return found.ok() ? broker.ForgetWatch(*found, name) : found.status();
}

}  // namespace

// `options`: of a watch or a validator, but for callback, holder and keyspace.
template <typename Request, typename Options>
void Session::AttachHook(const Request& request, Options options) {
  const std::uint64_t request_id = request.request_id();
  if (RefuseWhileDraining(request_id)) return;
  if (RefuseUnless(CheckAccess(caller_.permissions, request), request_id)) return;
  if (Status room = store_->CheckRoom(); !room.ok()) return ReplyStatus(request_id, room);
  const auto entry = table_.FindCallback(request.handle());
  if (!entry.ok()) return ReplyStatus(request_id, entry.status());
  // Of its own: the client may release the one it named before this has its turn.
  const auto callback = Registry::Retain((*entry)->handle, owner_, 0);
  if (!callback.ok()) return ReplyStatus(request_id, callback.status());
  options.callback = *callback;
  options.holder = owner_;
  StoreQueue::Task task;
  task.asks_callback = [] { return false; };
  task.run = [&broker = hub_.broker(), request_id, keyspace = request.keyspace(),
              options = std::move(options)]() -> StoreAnswer {
    const auto store = broker.store();
    const auto attached = store.ok() ? Attach(broker, keyspace, options) : store.status();
    (void)Registry::Release(options.callback);
    return [request_id, attached](Session& session) {
      session.HoldAndReply(request_id, attached, WireTable::Kind::kSubscription);
    };
  };
  store_->Submit(std::move(task));
}

void Session::OnAttachWatch(const v1::AttachWatch& request) {
  auto range = ToRange(request);
  if (!range.ok()) return ReplyStatus(request.request_id(), range.status());
  if (request.state_first() && request.from_revision() != 0) {
    return ReplyStatus(request.request_id(),
                       Status(Code::kInvalidArgument, "state_first excludes from_revision"));
  }
  engine::WatchOptions options;
  options.start = std::move(range->start);
  options.end = std::move(range->end);
  options.from_revision = request.from_revision();
  options.name = request.name();
  options.lag_limit = request.lag_limit();
  if (request.state_first()) options.begin = engine::WatchBegin::kState;
  if (request.old_values()) options.old_rows = storage::OldRows::kShow;
  AttachHook(request, std::move(options));
}

void Session::OnForgetWatch(const v1::ForgetWatch& request) {
  const std::uint64_t request_id = request.request_id();
  if (RefuseWhileDraining(request_id)) return;
  if (RefuseUnless(CheckAccess(caller_.permissions, request), request_id)) return;
  StoreQueue::Task task;
  task.asks_callback = [] { return false; };
  task.run = [&broker = hub_.broker(), request_id, name = request.name(),
              keyspace_name = request.keyspace()]() -> StoreAnswer {
    const Status status = Forget(broker, keyspace_name, name);
    return [request_id, status](Session& session) { session.ReplyStatus(request_id, status); };
  };
  store_->Submit(std::move(task));
}

void Session::OnAttachValidator(const v1::AttachValidator& request) {
  using engine::OnValidatorFailure;
  using engine::ShowOldValues;
  engine::ValidatorOptions options;
  options.prefix = request.prefix();
  options.priority = request.priority();
  if (request.timeout_ms() != 0)
    options.timeout_ns = std::int64_t{request.timeout_ms()} * 1'000'000;
  if (request.fail_open()) options.on_failure = OnValidatorFailure::kAccept;
  if (request.old_values()) options.old_values = ShowOldValues::kYes;
  AttachHook(request, std::move(options));
}

void Session::OnDetach(std::uint64_t request_id, std::uint64_t wire_handle) {
  const auto entry = table_.Find(wire_handle, WireTable::Kind::kSubscription);
  if (!entry.ok()) return ReplyStatus(request_id, entry.status());
  const Status released = Registry::Release((*entry)->handle);
  table_.Erase(wire_handle);
  ReplyStatus(request_id, released);
}

}  // namespace belay::daemon
