// The host's half of a session: what the broker says to this client, calls of hosted closures and their
// end, and the session's own beginning and end.
#include <utility>

#include "belay/v1/session.pb.h"
#include "clients/cpp/src/session.h"
#include "clients/cpp/src/wire.h"

namespace belay::client {
namespace {

// Takes one call's answer back to the session. Keeps the closure until then.
class SessionAnswer final : public Responder::Impl {
 public:
  SessionAnswer(std::shared_ptr<Session> session, std::uint64_t generation, std::uint64_t call_id,
                std::shared_ptr<const Hosted> hosted)
      : session_(std::move(session)),
        generation_(generation),
        call_id_(call_id),
        hosted_(std::move(hosted)) {}

  void Answer(const Status& status, std::string payload) override {
    if (status.code == Code::kAbandoned) {
      session_->SendResult(generation_, call_id_,
                           Status(status.code, status.message + " (\"" + hosted_->label() + "\")"),
                           {});
    } else {
      session_->SendResult(generation_, call_id_, status, std::move(payload));
    }
  }

 private:
  const std::shared_ptr<Session> session_;
  const std::uint64_t generation_;
  const std::uint64_t call_id_;
  const std::shared_ptr<const Hosted> hosted_;
};

// Executors take copyable tasks; a call is not copyable.
struct Task {
  std::shared_ptr<const Hosted> hosted;
  Request request;
  Responder responder;
};

}  // namespace

void Session::SendRegister(std::uint64_t id, Operation operation, std::shared_ptr<Hosted> hosted,
                           ReplyDone done) {
  v1::Register again;
  if (outlives()) again = operation->register_();
  // On the stream's thread, so before any call of the new handle is looked at.
  auto keep = [this, again = std::move(again), hosted = std::move(hosted), done = std::move(done)](
                  const Status& status, v1::Reply* reply) mutable {
    if (reply != nullptr) {
      std::scoped_lock lock(mutex_);
      const std::uint64_t handle = recovery_.FromWire(reply->handle());
      if (outlives()) recovery_.Keep(handle, Recovery::Registration{std::move(again), hosted});
      unanswered_.hosted.emplace(reply->handle(), Offered{std::move(hosted), handle});
    }
    hosted.reset();  // refused: the closure goes before the caller is told
    done(status, reply);
  };
  SendRequest(id, std::move(operation), std::move(keep));
}

Session::ReplyDone Session::KeepHook(const v1::ClientOperation& operation, ReplyDone done) {
  if (!outlives() || !IsToBePutBack(operation)) return done;
  return [this, operation, done = std::move(done)](const Status& status, v1::Reply* reply) {
    if (reply != nullptr) {
      std::scoped_lock lock(mutex_);
      recovery_.Keep(recovery_.FromWire(reply->handle()), operation);
    }
    done(status, reply);
  };
}

std::uint64_t Session::HandleFromWire(std::uint64_t wire) const {
  std::scoped_lock lock(mutex_);
  return recovery_.FromWire(wire);
}

void Session::SendResult(std::uint64_t generation, std::uint64_t call_id, const Status& status,
                         std::string payload) {
  {
    std::scoped_lock lock(mutex_);
    if (ended_ || generation != recovery_.generation()) return;
    unanswered_.running.erase(call_id);
  }
  auto operation = std::make_unique<v1::ClientOperation>();
  v1::CallResult& result = *operation->mutable_result();
  result.set_call_id(call_id);
  if (!status.ok()) {
    ToWire(status, result.mutable_status());
  } else if (max_payload_bytes_ != 0 && payload.size() > max_payload_bytes_) {
    ToWire(Status(Code::kResourceExhausted,
                  "the reply has " + std::to_string(payload.size()) + " bytes, the broker takes " +
                      std::to_string(max_payload_bytes_),
                  "PAYLOAD_TOO_LARGE"),
           result.mutable_status());
  } else {
    result.set_payload(std::move(payload));
  }
  (void)stream_.Send(std::move(operation), generation);  // if that session is over nobody waits
}

void Session::OnOperation(v1::ServerOperation& operation) {
  switch (operation.operation_case()) {
    case v1::ServerOperation::kWelcome: return OnWelcome(operation.welcome());
    case v1::ServerOperation::kCall: return OnCall(*operation.mutable_call());
    case v1::ServerOperation::kResult: return OnResult(*operation.mutable_result());
    case v1::ServerOperation::kCancel: return OnCancel(operation.cancel().call_id());
    case v1::ServerOperation::kReply: return OnReply(*operation.mutable_reply());
    case v1::ServerOperation::kReleased: return OnReleased(operation.released().handle());
    case v1::ServerOperation::kRows: return OnRows(operation.rows());
    case v1::ServerOperation::kNameChanged: return OnNameChanged(operation.name_changed());
    case v1::ServerOperation::kGoodbye: return OnGoodbye(operation.goodbye());
    case v1::ServerOperation::kPong: {
      std::function<void(Status)> done;
      {
        std::scoped_lock lock(mutex_);
        const auto found = unanswered_.pings.find(operation.pong().nonce());
        if (found == unanswered_.pings.end()) return;
        done = std::move(found->second);
        unanswered_.pings.erase(found);
      }
      return done(Status());
    }
    // An operation of a newer broker, which may be left alone by the contract of versions.
    case v1::ServerOperation::OPERATION_NOT_SET: return;
  }
}

void Session::OnCall(v1::Call& call) {
  std::shared_ptr<const Hosted> hosted;
  auto cancelled = std::make_shared<std::atomic<bool>>(false);
  std::uint64_t generation = 0;
  {
    std::scoped_lock lock(mutex_);
    generation = recovery_.generation();
    const auto found = unanswered_.hosted.find(call.handle());
    if (found != unanswered_.hosted.end()) {
      hosted = found->second.hosted;
      unanswered_.running.emplace(call.call_id(), cancelled);
    }
  }
  if (hosted == nullptr) {
    return SendResult(generation, call.call_id(),
                      Status(Code::kStale, "this client hosts nothing under handle " +
                                               std::to_string(call.handle())),
                      {});
  }
  Request request;
  request.payload = std::move(*call.mutable_payload());
  request.caller = std::move(*call.mutable_caller());
  request.trace_id = std::move(*call.mutable_trace_id());
  request.cancelled = std::move(cancelled);
  if (call.timeout_ms() != 0)
    request.deadline = Clock::now() + std::chrono::milliseconds(call.timeout_ms());
  Responder responder(
      std::make_unique<SessionAnswer>(shared_from_this(), generation, call.call_id(), hosted));
  if (!options_.executor) return hosted->Run(std::move(request), std::move(responder));

  const auto task =
      std::make_shared<Task>(Task{std::move(hosted), std::move(request), std::move(responder)});
  try {
    options_.executor(
        [task] { task->hosted->Run(std::move(task->request), std::move(task->responder)); });
  } catch (...) {
    task->responder.Fail(Status(Code::kResourceExhausted, "the host's executor refused the call"));
  }
}

void Session::OnCancel(std::uint64_t call_id) {
  std::scoped_lock lock(mutex_);
  const auto found = unanswered_.running.find(call_id);
  if (found != unanswered_.running.end()) found->second->store(true, std::memory_order_relaxed);
}

void Session::OnReleased(std::uint64_t handle) {
  Offered last;  // goes outside the lock
  std::scoped_lock lock(mutex_);
  const auto found = unanswered_.hosted.find(handle);
  if (found == unanswered_.hosted.end()) return;
  last = std::move(found->second);
  unanswered_.hosted.erase(found);
  recovery_.Forget(last.handle);
}

void Session::OnGoodbye(const v1::Goodbye& goodbye) {
  Status status = FromWire(goodbye.status());
  if (status.ok()) status = Status(Code::kUnavailable, "the broker ended the session");
  if (status.code == Code::kUnavailable) status.reason = kConnectionFailed;
  std::scoped_lock lock(mutex_);
  goodbye_ = std::move(status);
}

}  // namespace belay::client
