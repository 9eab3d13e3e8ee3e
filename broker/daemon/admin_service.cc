#include "broker/daemon/admin_service.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <utility>

#include "broker/daemon/admit.h"
#include "broker/daemon/grpc_status.h"
#include "broker/daemon/status_wire.h"
#include "broker/daemon/version.h"
#include "broker/engine/hook.h"

namespace belay::daemon {

using access::Verb;
using base::Code;
using base::Result;
using base::Status;
using registry::Registry;

namespace {

constexpr std::uint32_t kDefaultPage = 1'000;
constexpr std::uint32_t kMaxPage = 10'000;
constexpr auto kLoopTimeout = std::chrono::seconds(5);

// What a hook calls; nothing but the handle if it is gone, as the hook soon will be.
void SetCallback(registry::Handle callback, v1::HookInfo* wire) {
  wire->set_callback(callback);
  const auto info = Registry::Describe(callback);
  if (!info.ok()) return;
  wire->set_callback_label(info->label);
  wire->set_callback_owner(info->owner_name);
  wire->set_callback_state(std::string(registry::StateName(info->state)));
  wire->set_calls(info->calls);
  wire->set_failures(info->failures);
  wire->set_in_flight(info->in_flight);
}

}  // namespace

std::optional<grpc::Status> AdminService::RefuseUnless(const Result<Caller>& caller, Verb verb) {
  if (!caller.ok()) return ToGrpc(caller.status());
  const Status may = caller->permissions.Check(verb);
  if (may.ok()) return std::nullopt;
  hub_.OnDenied(*caller, may);
  return ToGrpc(may);
}

void AdminService::ToWire(const registry::HandleInfo& info, v1::HandleInfo* wire) {
  wire->set_handle(info.handle);
  wire->set_kind(std::string(registry::KindName(info.kind)));
  wire->set_owner(info.owner_name);
  wire->set_holder(info.holder_name);
  wire->set_label(info.label);
  wire->set_site(info.site);
  wire->set_state(std::string(registry::StateName(info.state)));
  wire->set_rights(info.rights);
  wire->set_references(info.references);
  wire->set_pins(info.pins);
  wire->set_in_flight(info.in_flight);
  wire->set_calls(info.calls);
  wire->set_failures(info.failures);
  wire->set_created_unix_ns(info.created_unix_ns);
  wire->set_age_ns(info.age_ns);
  wire->set_signature(info.signature);
  for (std::string& holder : Registry::Holders(info.handle)) wire->add_holders(std::move(holder));
  if (info.kind == registry::Kind::kCallback) wire->set_name(hub_.broker().NameOf(info.handle));
}

grpc::Status AdminService::ListHandles(grpc::ServerContext* context,
                                       const v1::ListHandlesRequest* request,
                                       v1::ListHandlesResponse* response) {
  if (auto refused = RefuseUnless(Admit(hub_, *context), Verb::kView)) return *refused;
  const std::uint32_t wanted = request->page_size() != 0 ? request->page_size() : kDefaultPage;
  const std::size_t limit = std::min(wanted, kMaxPage);
  std::uint64_t after = request->page_token();
  for (;;) {
    const std::size_t room = limit - static_cast<std::size_t>(response->handles_size());
    if (room == 0) break;
    const auto infos = hub_.broker().registry().List(&after, room);
    for (const registry::HandleInfo& info : infos) {
      if (request->kind().empty() || registry::KindName(info.kind) == request->kind())
        ToWire(info, response->add_handles());
    }
    if (infos.size() < room) {
      after = 0;  // that was all there is
      break;
    }
  }
  response->set_next_page_token(after);
  return grpc::Status::OK;
}

grpc::Status AdminService::DescribeHandle(grpc::ServerContext* context,
                                          const v1::DescribeHandleRequest* request,
                                          v1::DescribeHandleResponse* response) {
  if (auto refused = RefuseUnless(Admit(hub_, *context), Verb::kView)) return *refused;
  const auto info = Registry::Describe(request->handle());
  if (info.ok()) {
    ToWire(*info, response->mutable_handle());
  } else {
    daemon::ToWire(info.status(), response->mutable_status());
  }
  return grpc::Status::OK;
}

Result<std::vector<SessionView>> AdminService::ViewSessions() {
  const auto promise = std::make_shared<std::promise<std::vector<SessionView>>>();
  auto future = promise->get_future();
  hub_.inbox.Post([&hub = hub_, promise] { promise->set_value(hub.ViewSessions()); });
  if (future.wait_for(kLoopTimeout) != std::future_status::ready)
    return Status(Code::kUnavailable, "the broker did not answer in time");
  return future.get();
}

grpc::Status AdminService::ListSessions(grpc::ServerContext* context,
                                        const v1::ListSessionsRequest*,
                                        v1::ListSessionsResponse* response) {
  if (auto refused = RefuseUnless(Admit(hub_, *context), Verb::kView)) return *refused;
  auto views = ViewSessions();
  if (!views.ok()) return ToGrpc(views.status());
  std::sort(views->begin(), views->end(),
            [](const SessionView& a, const SessionView& b) { return a.session_id < b.session_id; });
  for (SessionView& view : *views) {
    v1::SessionInfo& info = *response->add_sessions();
    info.set_session_id(view.session_id);
    info.set_client_name(std::move(view.client_name));
    info.set_instance(std::move(view.instance));
    info.set_state(std::move(view.state));
    info.set_peer(std::move(view.peer));
    info.set_identity(std::move(view.identity));
    info.set_callbacks(view.callbacks);
    info.set_handles(view.handles);
    info.set_calls_waiting(view.calls_waiting);
    info.set_calls_running(view.calls_running);
    info.set_age_ns(view.age_ns);
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::ListHooks(grpc::ServerContext* context, const v1::ListHooksRequest*,
                                     v1::ListHooksResponse* response) {
  if (auto refused = RefuseUnless(Admit(hub_, *context), Verb::kView)) return *refused;
  std::map<storage::KeyspaceId, std::string> keyspaces;
  if (const auto store = hub_.broker().store(); store.ok()) {
    for (storage::KeyspaceInfo& info : (*store)->ListKeyspaces())
      keyspaces.emplace(info.id, std::move(info.name));
  }
  registry::HandleFilter subscriptions;
  subscriptions.kind = registry::Kind::kSubscription;
  std::size_t listed = kMaxPage;
  for (std::uint64_t after = 0; listed == kMaxPage;) {
    const auto infos = hub_.broker().registry().List(&after, kMaxPage, subscriptions);
    listed = infos.size();
    for (const registry::HandleInfo& info : infos) {
      const auto hook = engine::ViewHook(info.handle);
      if (!hook.ok()) continue;  // detached meanwhile
      v1::HookInfo& wire = *response->add_hooks();
      wire.set_handle(info.handle);
      wire.set_kind(hook->kind == engine::HookKind::kWatch ? "watch" : "validator");
      wire.set_label(info.label);
      wire.set_keyspace(keyspaces[hook->keyspace]);
      wire.set_holder(info.holder_name);
      wire.set_age_ns(info.age_ns);
      SetCallback(hook->callback, &wire);
    }
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::Revoke(grpc::ServerContext* context, const v1::RevokeRequest* request,
                                  v1::RevokeResponse* response) {
  const auto caller = Admit(hub_, *context);
  if (auto refused = RefuseUnless(caller, Verb::kAdminister)) return *refused;
  const auto info = Registry::Describe(request->handle());
  const Status status =
      info.ok() ? Registry::Unregister(request->handle(), Code::kRevoked) : info.status();
  if (!status.ok()) {
    daemon::ToWire(status, response->mutable_status());
    return grpc::Status::OK;
  }
  const std::string what =
      "callback \"" + Printable(info->label) + "\" of \"" + info->owner_name + "\" (handle " +
      std::to_string(info->handle) +
      "): " + (request->reason().empty() ? "no reason given" : Printable(request->reason()));
  hub_.Audit("revoke", *caller, what);
  hub_.Log(registry::LogLevel::kWarning,
           "revoked by " + caller->identity.ToText() + " at " + caller->peer + ": " + what);
  return grpc::Status::OK;
}

grpc::Status AdminService::GetStats(grpc::ServerContext* context, const v1::GetStatsRequest*,
                                    v1::GetStatsResponse* response) {
  if (auto refused = RefuseUnless(Admit(hub_, *context), Verb::kView)) return *refused;
  const auto views = ViewSessions();
  if (!views.ok()) return ToGrpc(views.status());
  for (const SessionView& view : *views) {
    response->set_callbacks(response->callbacks() + view.callbacks);
    response->set_calls_in_flight(response->calls_in_flight() + view.calls_running);
  }
  response->set_sessions(views->size());
  std::uint64_t after = 0;
  for (;;) {
    const std::size_t count = hub_.broker().registry().List(&after, kMaxPage).size();
    response->set_live_handles(response->live_handles() + count);
    if (count < kMaxPage) break;
  }
  response->set_calls(hub_.stats.calls.load(std::memory_order_relaxed));
  response->set_late_results(hub_.stats.late_results.load(std::memory_order_relaxed));
  response->set_retries(hub_.stats.retries.load(std::memory_order_relaxed));
  if (const auto store = hub_.broker().store(); store.ok())
    response->set_store_revision((*store)->CurrentRevision());
  response->set_epoch(hub_.epoch());
  response->set_version(std::string(kVersion));
  response->set_uptime_ns(hub_.clock().MonotonicNs() - started_ns_);
  for (auto& [rule, count] : hub_.refusals.Counts()) {
    v1::RefusalCount& wire = *response->add_refusals();
    wire.set_rule(std::move(rule));
    wire.set_count(count);
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::ListAudit(grpc::ServerContext* context,
                                     const v1::ListAuditRequest* request,
                                     v1::ListAuditResponse* response) {
  if (auto refused = RefuseUnless(Admit(hub_, *context), Verb::kView)) return *refused;
  const std::uint32_t wanted = request->limit() != 0 ? request->limit() : kDefaultPage;
  for (engine::AuditEntry& entry :
       hub_.audit().Read(request->after(), request->since_unix_ms(), std::min(wanted, kMaxPage))) {
    v1::AuditEntry& wire = *response->add_entries();
    wire.set_number(entry.number);
    wire.set_unix_ms(entry.unix_ms);
    wire.set_event(std::move(entry.event));
    wire.set_who(std::move(entry.who));
    wire.set_where(std::move(entry.where));
    wire.set_what(std::move(entry.what));
    wire.set_count(entry.count);
  }
  return grpc::Status::OK;
}

}  // namespace belay::daemon
