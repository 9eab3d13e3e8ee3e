// Session: one client's scope in the broker, as a state machine over operations (W1 to W5, W9).
//
// It knows frames, not connections: SessionStream feeds it what was read and writes what it leaves in
// the outbox. On its client's behalf it owns, in the registry, one owner: the callbacks that the client
// hosts and the handles that it holds.
//
// Life. NEW until Hello, CONNECTED, perhaps SUSPENDED and CONNECTED again, then ENDED, once. The loss of the
// connection ends a session, or suspends it if its Hello asked for grace; so does silence beyond the lease.
// Others end it at once: the client's Goodbye, a breach of the protocol, a newer incarnation of the client,
// more unacknowledged output than is kept, the broker's own end. The end, in this order: hooks are
// detached, own calls that wait are dropped, names are freed, hosted callbacks are unregistered as
// HOST_LOST, handles are released, and the calls that ran here are answered HOST_LOST.
//
// Invariants
//   - Each Call taken from the client is answered by exactly one CallResult, unless the session ends.
//   - Each operation of the client is applied once, however often it is sent (W9).
//   - A hosted callback gets Released exactly once, after the result of its last call, unless the
//     session ends, which stands for it (W5).
//   - A call whose caller stopped waiting stays in flight until the host answers or is gone; its late
//     result is counted and dropped (W6). One that no frame has carried yet is taken back instead: its
//     outcome is NOT_SENT, and the host never sees it (W4).
//   - A frame that breaks the protocol ends the session with Goodbye naming the rule; nothing of the
//     operation at fault is done.
//
// Thread safety: everything on the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "broker/base/status.h"
#include "broker/daemon/access_control.h"
#include "broker/daemon/account.h"
#include "broker/daemon/deadlines.h"
#include "broker/daemon/hub.h"
#include "broker/daemon/outbox.h"
#include "broker/daemon/resume_token.h"
#include "broker/daemon/routed_call.h"
#include "broker/daemon/session_names.h"
#include "broker/daemon/store_wire.h"
#include "broker/daemon/wire_table.h"
#include "broker/registry/callback.h"

namespace belay::v1 {
class AttachValidator;
class AttachWatch;
class Export;
class ForgetWatch;
class Call;
class CallResult;
class CancelCall;
class ClientFrame;
class ClientOperation;
class Hello;
class Import;
class Limits;
class Register;
class Reply;
class Resolve;
class StoreRequest;
class StoreResponse;
class Welcome;
}  // namespace belay::v1

namespace belay::daemon {

class StoreJob;
class StoreQueue;

// Why nothing new is taken on while the broker drains.
base::Status ShuttingDown();

class Session : public std::enable_shared_from_this<Session> {
 public:
  // The connection, as the session sees it.
  class Peer {
   public:
    virtual ~Peer() = default;
    // There is something in the outbox.
    virtual void WantsFlush() = 0;
    // The session has ended: write what is in the outbox, then end the stream with `status`.
    virtual void Finish(const base::Status& status) = 0;
    // The client turned out to be another session's, which frames and outbox are of from now on.
    virtual void MoveTo(std::shared_ptr<Session> session) = 0;
    // The session goes on without this connection: touch it no more, and end the stream with `status`.
    virtual void Drop(const base::Status& status) = 0;
  };

  Session(Hub& hub, Peer* peer, Caller caller);
  ~Session();

  void OnFrame(v1::ClientFrame& frame);
  // The frame could not be read as one: `why` says what is wrong with it.
  void OnMalformed(base::Status why) { Break(std::move(why)); }
  // The stream is closed, or broken.
  void OnClosed();
  // Goodbye, and the end as soon as no call is waited for or runs.
  void Drain();
  // The broker ends the session. REQUIRES: `status` is not OK.
  void Close(const base::Status& status);

  // A call of a hosted callback; see HostedCallback.
  void StartHosted(std::uint64_t wire_handle, std::unique_ptr<registry::AsyncCall> call);
  // The context of a hosted callback has been released (R5).
  void OnContextReleased(std::uint64_t wire_handle, bool was_announced);
  // Nobody waits any longer for one of the calls that run here, and `why`.
  void CancelRunning(std::uint64_t call_id, const base::Status& why, OnGiveUp mode);
  // Tokens or the policy are others than they were.
  void OnAccessChanged();
  // An earlier life of the client of `newer`, which has the same identity, has left this behind.
  bool IsOlderLifeOf(const Session& newer) const;

  // For store requests, which are answered from here when a worker is done with them.
  void ReplyStatus(std::uint64_t request_id, const base::Status& status);
  v1::Reply& AddReply(std::uint64_t request_id, std::size_t payload_bytes = 0);
  void SendRows(std::uint64_t request_id, std::string block, Taken taken);
  void SendScanEnd(std::uint64_t request_id, const base::Status& status,
                   storage::Revision revision);
  void OnStoreDone(StoreJob& job);
  // Puts a handle of the session's owner into its table, or releases it if there is no room.
  base::Result<std::uint64_t> Hold(registry::Handle handle, WireTable::Kind kind);
  void HoldAndReply(std::uint64_t request_id, const base::Result<registry::Handle>& held,
                    WireTable::Kind kind);
  void AfterAnswer();
  // True, and the request is answered, unless `may` is OK: what the permissions say of it.
  bool RefuseUnless(const base::Status& may, std::uint64_t request_id);
  // RESOURCE_EXHAUSTED if the table has no room for one more.
  base::Status CheckRoomForHandle(WireTable::Kind kind) const;
  // There is something new in the outbox.
  void Flush();

  Hub& hub() { return hub_; }
  const Limits& limits() const { return limits_; }
  std::uint64_t id() const { return id_; }
  const std::string& client_name() const { return client_name_; }
  const Caller& caller() const { return caller_; }
  registry::Handle owner() const { return owner_; }
  bool ended() const { return state_ == State::kEnded; }
  Outbox& outbox() { return outbox_; }
  WireTable& table() { return table_; }
  SessionNames& names() { return names_; }
  // Number of the last operation received and applied; `unacked()` of them are not yet told.
  std::uint64_t received() const { return received_; }
  std::uint64_t unacked() const { return received_ - acked_; }
  void NoteAcked() { acked_ = received_; }
  SessionView View() const;

 private:
  enum class State { kNew, kConnected, kSuspended, kEnded };
  enum class WantsReply : std::uint8_t { kNo, kYes };

  // Of the lease while connected, of the grace while suspended.
  struct Timer final : Deadlines::Entry {
    explicit Timer(Session* owner) : session(owner) {}
    void OnDeadline() override { session->OnTimer(); }
    Session* const session;
  };
  // A call of this client that waits for its outcome.
  struct Waiting final : Deadlines::Entry {
    void OnDeadline() override { session->OnWaitedTooLong(call_id); }
    Session* session = nullptr;
    std::uint64_t call_id = 0;
    HostCall host_call;
    Account::CallCharge charge;
  };
  // One that is more than an ordinary call.
  struct Routed {
    std::shared_ptr<RoutedCall> call;
    Account::CallCharge charge;
  };
  // A call that this client's process runs.
  struct Running final : Deadlines::Entry {
    void OnDeadline() override { session->OnRanTooLong(call_id); }
    Session* session = nullptr;
    std::uint64_t call_id = 0;
    std::uint64_t operation = 0;  // the number of its Call
    std::unique_ptr<registry::AsyncCall> call;
    bool was_cancelled = false;
  };

  // session.cc
  void Apply(v1::ClientOperation& operation);
  void OnHello(const v1::Hello& hello);
  void OnGoodbye();
  void Break(const base::Status& status);
  void End();
  void EndIfIdle();  // after Goodbye, once no call and no store request is left
  void SayGoodbye(const base::Status& status);
  bool RefuseWhileDraining(std::uint64_t request_id);
  // session_life.cc
  void Grant(const v1::Hello& hello);
  void GrantLimits(const v1::Limits& wishes);
  void TellWelcome(v1::Welcome* welcome) const;
  static void TellFeatures(const v1::Hello& hello, v1::Welcome* welcome);
  static bool IsResume(const v1::ClientFrame& frame);
  void OnResume(const v1::ClientFrame& frame);
  void RefuseResume(const base::Status& why);
  void Reconnect(Peer* peer, Caller caller, std::uint64_t ack);
  void OnLost(const base::Status& why);
  void StartLease();
  void SetTimer(std::int64_t at_ns);
  void OnTimer();

  // session_calls.cc
  void OnCall(v1::Call& call);
  registry::Request MakeRequest(v1::Call& call) const;
  void OnCancel(const v1::CancelCall& cancel);
  void OnResult(v1::CallResult& result);
  void OnOutcome(std::uint64_t call_id, registry::Outcome outcome);
  void OnWaitedTooLong(std::uint64_t call_id);
  void OnRanTooLong(std::uint64_t call_id);
  void StopWaiting(std::uint64_t call_id, const base::Status& status, OnGiveUp mode);
  bool TakeBack(const Running& running);
  base::Status HostGone() const;
  void SendResult(std::uint64_t call_id, registry::Outcome outcome);

  // session_routes.cc
  void Route(v1::Call& call);
  void OnRouted(std::uint64_t call_id, WantsReply wants_reply, RoutedCall::Answer answer);
  void CancelRouted(const v1::CancelCall& cancel, const base::Status& why);
  static OnGiveUp OnGiveUpOf(const v1::CancelCall& cancel);

  // session_handles.cc
  void OnRegister(const v1::Register& request);
  void OnRetain(std::uint64_t request_id, std::uint64_t wire_handle);
  void OnRelease(std::uint64_t request_id, std::uint64_t wire_handle);
  void OnUnregister(std::uint64_t request_id, std::uint64_t wire_handle);
  void OnResolve(const v1::Resolve& request);

  // session_tokens.cc
  void OnExport(const v1::Export& request);
  void OnImport(const v1::Import& request);
  void RevokeExport(std::uint64_t number);
  void RevokeExports();

  // session_hooks.cc
  template <typename Request, typename Options>
  void AttachHook(const Request& request, Options options);
  void OnAttachWatch(const v1::AttachWatch& request);
  void OnForgetWatch(const v1::ForgetWatch& request);
  void OnAttachValidator(const v1::AttachValidator& request);
  void OnDetach(std::uint64_t request_id, std::uint64_t wire_handle);

  // session_store.cc
  void OnStore(v1::StoreRequest& request);
  base::Result<registry::Handle> RetainNamed(std::uint64_t wire_handle, const std::string& name);
  base::Result<registry::Handle> FindScanHook(const char* role, std::uint64_t wire_handle,
                                              const std::string& name);
  base::Result<registry::Handle> FindStoreCallback(const v1::StoreRequest& request);
  base::Result<SnapshotPointer> FindSnapshot(const v1::StoreRequest& request);

  Hub& hub_;
  const std::uint64_t id_;
  const std::int64_t opened_ns_;
  Peer* peer_;  // null unless NEW or CONNECTED
  Caller caller_;
  const std::shared_ptr<Account> account_;  // of the caller's identity
  std::string client_name_;
  std::string instance_;
  std::uint64_t incarnation_ = 0;
  State state_ = State::kNew;
  Limits limits_;               // what this session is held to
  std::uint32_t grace_ms_ = 0;  // 0: it ends with its connection
  std::uint32_t lease_ms_ = 0;  // 0: silence is no loss
  std::optional<ResumeToken> token_;
  std::int64_t heard_ns_ = 0;
  bool is_overflowing_ = false;  // holds more for its client than it may; ends with this turn
  bool said_goodbye_ = false;
  registry::Handle owner_ = 0;
  WireTable table_;
  SessionNames names_{*this};
  std::unordered_map<std::uint64_t, std::string> exported_;  // the tokens, by the exports' numbers
  std::uint32_t hosted_ = 0;  // callbacks whose contexts are not yet released
  Outbox outbox_;
  std::uint64_t received_ = 0;
  std::uint64_t acked_ = 0;
  std::unordered_map<std::uint64_t, Waiting> waiting_;
  std::unordered_map<std::uint64_t, Routed> routed_;  // none of them in waiting_
  std::unordered_map<std::uint64_t, Running> running_;
  std::uint64_t last_host_call_ = 0;
  std::shared_ptr<StoreQueue> store_;
  Timer timer_{this};
};

}  // namespace belay::daemon
