#include "broker/daemon/hub.h"

#include <utility>

#include "broker/daemon/access_control.h"
#include "broker/daemon/account.h"
#include "broker/daemon/session.h"

namespace belay::daemon {

namespace {

std::shared_ptr<engine::AuditLog> MemoryAudit() {
  return std::move(*engine::AuditLog::Open(nullptr, {}));
}

}  // namespace

Hub::Hub(HubOptions options)
    : refusals(options.log, *options.clock),
      store_workers(options.store_threads),
      hook_workers(options.hook_threads),
      options_(std::move(options)),
      access_(options_.access != nullptr ? options_.access
                                         : std::make_shared<const AccessControl>()),
      audit_(options_.audit != nullptr ? options_.audit : MemoryAudit()) {}

Hub::~Hub() = default;

void Hub::Log(registry::LogLevel level, std::string_view text) const {
  if (options_.log) options_.log(level, text);
}

void Hub::Audit(std::string_view event, const Caller& who, std::string what) {
  engine::AuditEntry entry;
  entry.event = event;
  entry.who = who.identity.ToText();
  entry.where = who.peer;
  entry.what = std::move(what);
  audit_->Note(std::move(entry));
}

void Hub::OnUnauthenticated(std::string_view peer, const base::Status& why) {
  const auto refused = refusals.Refused(why.reason(), peer, why.message());
  if (!refused) return;
  engine::AuditEntry entry;
  entry.event = "unauthenticated";
  entry.where = peer;
  entry.what = why.message();
  entry.count = *refused;
  audit_->Note(std::move(entry));
}

void Hub::OnDenied(const Caller& caller, const base::Status& why) {
  // Each rule of the policy by itself, so that a flood of one does not hide what another denies.
  std::string rule(why.reason());
  if (const std::string_view name = caller.permissions.rule(); !name.empty())
    rule.append(" ").append(name);
  const auto refused = refusals.Refused(rule, caller.peer, why.message());
  if (!refused) return;
  engine::AuditEntry entry;
  entry.event = "denied";
  entry.who = caller.identity.ToText();
  entry.where = caller.peer;
  entry.what = why.message();
  entry.count = *refused;
  audit_->Note(std::move(entry));
}

HostCall Hub::InvokeAsync(registry::Handle handle, registry::Request request,
                          registry::AsyncCall::Done done) {
  stats.calls.fetch_add(1, std::memory_order_relaxed);
  started_ = {};
  broker().InvokeAsync(handle, std::move(request), std::move(done));
  return std::exchange(started_, {});
}

void Hub::Cancel(HostCall call, const base::Status& why, OnGiveUp mode) {
  if (const auto session = Find(call.session_id)) session->CancelRunning(call.call_id, why, mode);
}

std::int64_t Hub::DeadlineFor(std::uint32_t timeout_ms) const {
  const std::uint32_t wanted_ms = timeout_ms != 0 ? timeout_ms : limits().default_call_timeout_ms;
  return clock().MonotonicNs() + std::int64_t{wanted_ms} * 1'000'000;
}

std::shared_ptr<Account> Hub::AccountOf(const Caller& caller) {
  std::string identity = caller.identity.ToText();
  std::shared_ptr<Account>& account = accounts_[identity];
  if (account == nullptr) account = std::make_shared<Account>(std::move(identity));
  account->Use(caller.permissions);
  return account;
}

void Hub::Add(std::shared_ptr<Session> session) {
  const std::uint64_t id = session->id();
  sessions_.emplace(id, std::move(session));
  session_count_.store(sessions_.size(), std::memory_order_relaxed);
}

void Hub::Remove(std::uint64_t session_id) {
  sessions_.erase(session_id);
  session_count_.store(sessions_.size(), std::memory_order_relaxed);
  CheckDrained();
}

std::shared_ptr<Session> Hub::Find(std::uint64_t session_id) const {
  const auto found = sessions_.find(session_id);
  return found != sessions_.end() ? found->second : nullptr;
}

// A copy: sessions may end, and leave the table, while something is done with them.
std::vector<std::shared_ptr<Session>> Hub::Sessions() const {
  std::vector<std::shared_ptr<Session>> sessions;
  for (const auto& [id, session] : sessions_) sessions.push_back(session);
  return sessions;
}

void Hub::EndOlderLives(const Session& newer) {
  const base::Status taken_over(base::Code::kAborted,
                                "a newer incarnation of this client has connected", "TAKEN_OVER");
  for (const auto& session : Sessions()) {
    if (!session->IsOlderLifeOf(newer)) continue;
    Audit("take_over", newer.caller(),
          "session " + std::to_string(session->id()) + " of \"" + session->client_name() +
              "\" by a newer life of the same client");
    session->Close(taken_over);
  }
}

void Hub::OnAccessChanged() {
  for (const auto& session : Sessions()) session->OnAccessChanged();
}

std::vector<SessionView> Hub::ViewSessions() const {
  std::vector<SessionView> views;
  views.reserve(sessions_.size());
  for (const auto& [id, session] : sessions_) views.push_back(session->View());
  return views;
}

void Hub::Drain(std::function<void()> done) {
  draining_ = true;
  drained_ = std::move(done);
  for (const auto& session : Sessions()) session->Drain();
  CheckDrained();
}

void Hub::EndSessions() {
  for (const auto& session : Sessions()) session->Close(ShuttingDown());
}

void Hub::CheckDrained() {
  if (draining_ && sessions_.empty() && drained_) std::exchange(drained_, nullptr)();
}

void Hub::StopWorkers() {
  store_workers.join();
  hook_workers.join();
}

}  // namespace belay::daemon
