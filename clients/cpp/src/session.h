// Session: what the client knows about its unanswered operations and about the closures it hosts.
//
// Life. It outlives connections, which is Stream's and Line's doing, and may outlive the broker's session: then
// everything unanswered ends, and what Recovery knows is put back into a new one (session_recovery.cc).
// What the program asks for meanwhile is held until that is done.
//
// Invariants
//   - Every request and every call is completed exactly once: by the broker's answer, by the local
//     deadline (calls), or by the end of the session. Whoever takes it out of its table completes it.
//   - A hosted closure is in `hosted_` from the broker's answer to Register until Released or the session's
//     end, and beyond that in `recovery_` if it is to be put back.
//   - After `ended_` is set nothing is put into the tables.
//
// Thread safety: every method may be called from any thread. Completions run on the stream's thread, or,
// when the session is over already, on the calling one; never under a lock.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "belay/client/client.h"
#include "clients/cpp/src/backoff.h"
#include "clients/cpp/src/hosted.h"
#include "clients/cpp/src/recovery.h"
#include "clients/cpp/src/stream.h"

namespace belay::v1 {
class Call;
class CallResult;
class Goodbye;
class NameChanged;
class Released;
class Reply;
class Rows;
class ServerOperation;
class Welcome;
}  // namespace belay::v1

namespace belay::client {

// How often calls are looked through for those that the broker failed to end.
inline constexpr std::uint32_t kSweepMs = 250;

// `status`, of an operation that got so far.
inline Status WithCertainty(Status status, Certainty certainty) {
  status.certainty = certainty;
  return status;
}

// Of what the session's end has beaten to it.
inline Status JustEnded() {
  return Status(Code::kUnavailable, "the session is over", kConnectionFailed, Certainty::kNotSent);
}

class Session final : public Stream::Listener, public std::enable_shared_from_this<Session> {
 public:
  using ReplyDone =
      std::function<void(const Status& status, v1::Reply* reply)>;  // reply: null if !ok
  using CallDone = std::function<void(Result<std::string>)>;
  using RowSink = std::function<void(const Row&)>;

  static Result<std::shared_ptr<Session>> Open(const std::string& target, ClientOptions options);
  Session(const std::string& target, ClientOptions options);

  void Close();
  bool OnOwnThread() const { return stream_.OnOwnThread(); }
  std::uint64_t session_id() const { return session_id_.load(std::memory_order_relaxed); }
  std::uint64_t epoch() const { return epoch_.load(std::memory_order_relaxed); }
  std::uint64_t late_results() const { return late_results_.load(std::memory_order_relaxed); }

  // An identifier for a request, call or ping, never given out before.
  std::uint64_t NextId() { return next_id_.fetch_add(1, std::memory_order_relaxed); }
  // Sends `operation`, whose request_id is `id`; rows of a scan go to `rows`.
  void SendRequest(std::uint64_t id, Operation operation, ReplyDone done, RowSink rows = {});
  void SendRegister(std::uint64_t id, Operation operation, std::shared_ptr<Hosted> hosted,
                    ReplyDone done);
  // The call's id. `replies` gets what the members answer if the handle follows a name for broadcast; null: then
  // they are dropped.
  std::uint64_t SendCall(std::uint64_t handle, std::string payload, InvokeOptions options,
                         CallDone done,
                         std::shared_ptr<std::vector<MemberReply>> replies = nullptr);
  Status SendPost(std::uint64_t handle, std::string payload, InvokeOptions options);
  void SendCancel(std::uint64_t call_id, CancelMode mode);
  void SendPing(std::function<void(Status)> done);
  void SendWatchName(const std::string& name, NameListener changed, ReplyDone done);
  // Releases a handle without waiting; from destructors.
  void ReleaseQuietly(std::uint64_t handle) noexcept;
  // A call that the session of `generation` had us run has its answer.
  void SendResult(std::uint64_t generation, std::uint64_t call_id, const Status& status,
                  std::string payload);
  // The program's number of a handle that has just been given out. On the stream's thread.
  std::uint64_t HandleFromWire(std::uint64_t wire) const;

  void OnOperation(v1::ServerOperation& operation) override;
  void OnTimer() override;
  AfterLoss OnLost(const Status& status) override;
  std::uint32_t NextDelayMs() override { return backoff_.NextMs(); }
  void OnRenewed(const Status& status, std::vector<Operation> never_sent,
                 std::uint64_t generation) override;
  void OnEnded(const Status& status, std::vector<Operation> never_sent) override;

 private:
  using Clock = std::chrono::steady_clock;
  struct PendingRequest {
    ReplyDone done;
    RowSink rows;
    bool is_damaged = false;  // a row block could not be read
  };
  struct PendingCall {
    CallDone done;
    std::shared_ptr<std::vector<MemberReply>> replies;  // of a broadcast; else null
    Clock::time_point give_up = Clock::time_point::max();
  };
  struct Offered {
    std::shared_ptr<Hosted> hosted;
    std::uint64_t handle = 0;  // the program's number of it
  };
  // All that ends with a session.
  struct Unanswered {
    std::unordered_map<std::uint64_t, PendingRequest> requests;
    std::unordered_map<std::uint64_t, PendingCall> calls;
    std::unordered_map<std::uint64_t, std::function<void(Status)>> pings;
    std::unordered_map<std::uint64_t, Offered> hosted;  // by the session's number
    std::unordered_map<std::uint64_t, std::shared_ptr<std::atomic<bool>>> running;  // by call_id
  };

  void OnWelcome(const v1::Welcome& welcome);
  void OnReply(v1::Reply& reply);
  void OnRows(const v1::Rows& rows);
  void OnResult(v1::CallResult& result);
  void OnCall(v1::Call& call);
  void OnCancel(std::uint64_t call_id);
  void OnReleased(std::uint64_t handle);
  void OnGoodbye(const v1::Goodbye& goodbye);
  static void FillCall(v1::Call* call, std::uint64_t id, std::uint64_t handle,
                       InvokeOptions options);
  static void TakeReplies(v1::CallResult& result, std::vector<MemberReply>* replies);
  void OnNameChanged(const v1::NameChanged& change);
  void DropNameListener(std::uint64_t handle);
  // Why an operation, or a call, may not even be queued; OK if it may. REQUIRES: mutex_ held
  Status CheckRoom() const;
  std::vector<Operation> TakeHeld();
  Status CheckCall(const std::string& payload) const;
  // What is to be done under the mutex with an operation that is about to be sent; if it is still there then,
  // it is to be sent, to the session of `generation`.
  Status Prepare(Operation* operation, std::uint64_t* generation);
  // What IsToBePutBack() is kept once it stands.
  ReplyDone KeepHook(const v1::ClientOperation& operation, ReplyDone done);
  bool outlives() const { return options_.session_life == SessionLife::kOutlivesConnections; }
  static void Fail(Unanswered unanswered, const std::vector<Operation>& never_sent,
                   const Status& status);

  // session_recovery.cc, all on the stream's thread
  void Tell(SessionEvent event) const;
  void PutBack();
  void PutBackHooks();
  void SendPutBack(std::uint64_t handle, std::uint64_t id, Operation operation,
                   void (Session::*next)(std::uint64_t, const Status&, const v1::Reply*));
  void OnRegisteredAgain(std::uint64_t handle, const Status& status, const v1::Reply* reply);
  void OnAttachedAgain(std::uint64_t handle, const Status& status, const v1::Reply* reply);
  void NotPutBack(std::uint64_t handle, const Status& status);
  void FinishRenewal();

  std::optional<PendingRequest> TakeRequest(std::uint64_t id);
  std::optional<PendingCall> TakeCall(std::uint64_t id);

  const ClientOptions options_;
  Stream stream_;
  std::atomic<std::uint64_t> next_id_{1};
  std::atomic<std::uint64_t> late_results_{0};
  std::atomic<std::uint64_t> session_id_{0};
  std::atomic<std::uint64_t> epoch_{0};
  // Written before Open() returns.
  std::uint32_t max_payload_bytes_ = 0;
  std::uint32_t max_calls_in_flight_ = 0;

  // The stream's thread only.
  Backoff backoff_;
  std::optional<Clock::time_point> lost_since_;
  bool is_fresh_ = false;         // renewed, and no Welcome has come since
  std::size_t puts_awaited_ = 0;  // answers to what is being put back

  mutable std::mutex mutex_;
  std::function<void(const Status&)> opened_;  // told once: welcome, or why not
  std::optional<Status> ended_;
  std::optional<Status> goodbye_;
  bool is_closing_ = false;
  bool is_down_ = false;  // there is no connection
  Unanswered unanswered_;
  std::size_t timed_calls_ = 0;
  Recovery recovery_;
  std::unordered_map<std::uint64_t, std::shared_ptr<const NameListener>> name_listeners_;
  bool is_renewing_ = false;
  std::vector<Operation> held_;  // while renewing: what the program has asked for since
  std::size_t held_bytes_ = 0;
};

}  // namespace belay::client
