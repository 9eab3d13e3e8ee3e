// Hub: what all sessions of one daemon share, and how a call finds its way from caller to host.
//
// Invariants
//   - Sessions, deadlines and everything reached through them are touched by the loop's thread alone;
//     other threads come through the inbox.
//   - Nothing that may block runs on the loop's thread: store requests run on `store_workers`; those
//     that wait for a callback (scans with a filter, updates, writes that a validator wants to see) on
//     `hook_workers`, so that a slow one delays neither calls nor other store requests.
//
// Thread safety: as said beside each member; inbox and stats from any thread.
#pragma once

#include <asio/thread_pool.hpp>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/base/clock.h"
#include "broker/daemon/deadlines.h"
#include "broker/daemon/exports.h"
#include "broker/daemon/inbox.h"
#include "broker/daemon/limits.h"
#include "broker/daemon/refusal_log.h"
#include "broker/engine/audit_log.h"
#include "broker/engine/broker.h"

namespace belay::daemon {

class AccessControl;
class Account;
struct Caller;
class Session;

// Counters; relaxed, as they order nothing.
struct Stats {
  std::atomic<std::uint64_t> calls{0};               // taken from callers or begun in hosts
  std::atomic<std::uint64_t> late_results{0};        // of calls that nobody waited for any more
  std::atomic<std::uint64_t> ignored_operations{0};  // of kinds that this version does not know
  std::atomic<std::uint64_t> broken_sessions{0};     // ended because the client broke the protocol
  std::atomic<std::uint64_t> retries{0};             // of calls of names, by another member
};

// What admin views tell of a session.
struct SessionView {
  std::uint64_t session_id = 0;
  std::string client_name;
  std::string instance;
  std::string state;  // "connected", "suspended"
  std::string peer;
  std::string identity;
  std::uint64_t callbacks = 0;
  std::uint64_t handles = 0;
  std::uint64_t calls_waiting = 0;
  std::uint64_t calls_running = 0;
  std::int64_t age_ns = 0;
};

// A call as its host knows it; empty if it runs in this process.
struct HostCall {
  std::uint64_t session_id = 0;
  std::uint64_t call_id = 0;
};

// What becomes of a call that its host has been sent, when its caller gives it up.
enum class OnGiveUp : std::uint8_t {
  kAskHost,    // to give up, too
  kLeaveHost,  // to finish
};

using LogFunction = registry::LogFunction;

struct HubOptions {
  std::shared_ptr<engine::Broker> broker;
  Limits limits;
  LogFunction log;
  const base::Clock* clock = &base::Clock::System();
  std::uint64_t epoch = 0;
  unsigned store_threads = 16;                  // commits that one group commit can take together
  unsigned hook_threads = 64;                   // requests that can wait for a callback at a time
  std::string backup_dir;                       // where backups are made; empty: nowhere
  std::shared_ptr<const AccessControl> access;  // null: everybody may do everything
  std::shared_ptr<engine::AuditLog> audit;      // null: one in memory
};

class Hub {
 public:
  explicit Hub(HubOptions options);
  // REQUIRES: no session is left, StopWorkers() was called.
  ~Hub();

  engine::Broker& broker() { return *options_.broker; }
  const std::shared_ptr<engine::Broker>& shared_broker() const { return options_.broker; }
  const Limits& limits() const { return options_.limits; }
  const base::Clock& clock() const { return *options_.clock; }
  std::uint64_t epoch() const { return options_.epoch; }
  const std::string& backup_dir() const { return options_.backup_dir; }
  void Log(registry::LogLevel level, std::string_view text) const;
  const AccessControl& access() const { return *access_; }
  engine::AuditLog& audit() { return *audit_; }
  // Notes what `who` did. Any thread.
  void Audit(std::string_view event, const Caller& who, std::string what);
  // Somebody was not let in. Any thread.
  void OnUnauthenticated(std::string_view peer, const base::Status& why);
  // Somebody asked for what it may not have. Any thread.
  void OnDenied(const Caller& caller, const base::Status& why);

  // Starts a call. Whatever runs elsewhere has been handed to its host, or refused, on return: tells
  // which of the host's calls it became. `done` runs exactly once, on any thread. Loop's thread only.
  HostCall InvokeAsync(registry::Handle handle, registry::Request request,
                       registry::AsyncCall::Done done);
  // To be called by the host that takes a call, on the loop's thread.
  void NoteStarted(HostCall call) { started_ = call; }
  // Nobody waits for the call any longer. If its host has not been sent it, it ends now, with `why` and NOT_SENT;
  // else what `mode` says is done, and the host still owes a result. Loop's thread only.
  void Cancel(HostCall call, const base::Status& why, OnGiveUp mode);
  // Absolute, from a wire timeout; 0 stands for the default.
  std::int64_t DeadlineFor(std::uint32_t timeout_ms) const;

  // Loop's thread only.
  // What the caller's identity uses, with the budget of its permissions. Kept for good: identities are as many as
  // tokens, users and certificates.
  std::shared_ptr<Account> AccountOf(const Caller& caller);
  std::uint64_t NextSessionId() { return ++last_session_id_; }
  void Add(std::shared_ptr<Session> session);
  void Remove(std::uint64_t session_id);
  // Null if there is none.
  std::shared_ptr<Session> Find(std::uint64_t session_id) const;
  // Ends the sessions that earlier lives of its client have left behind.
  void EndOlderLives(const Session& newer);
  std::vector<SessionView> ViewSessions() const;
  // Tells all clients that the broker ends, refuses new work, and ends each session once its calls are
  // answered. `done` runs when no session is left.
  void Drain(std::function<void()> done);
  // Ends the sessions that are left, whatever they still do.
  void EndSessions();
  // Tokens or the policy have changed: sessions whose tokens are no longer any end, the others get the permissions
  // of now.
  void OnAccessChanged();
  bool draining() const { return draining_; }

  // From any thread.
  std::uint64_t session_count() const { return session_count_.load(std::memory_order_relaxed); }
  // Waits for what runs in the pools; nothing starts there any more.
  void StopWorkers();

  Inbox inbox;
  Deadlines deadlines;
  Exports exports{deadlines};
  Stats stats;
  RefusalLog refusals;
  asio::thread_pool store_workers;
  asio::thread_pool hook_workers;

 private:
  void CheckDrained();
  std::vector<std::shared_ptr<Session>> Sessions() const;

  const HubOptions options_;
  const std::shared_ptr<const AccessControl> access_;
  const std::shared_ptr<engine::AuditLog> audit_;
  std::unordered_map<std::string, std::shared_ptr<Account>> accounts_;  // by identity
  HostCall started_;
  std::uint64_t last_session_id_ = 0;
  std::unordered_map<std::uint64_t, std::shared_ptr<Session>> sessions_;
  std::atomic<std::uint64_t> session_count_{0};
  bool draining_ = false;
  std::function<void()> drained_;
};

}  // namespace belay::daemon
